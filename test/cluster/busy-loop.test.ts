import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ClusterProcesses } from '../support/cluster-processes.js';
import { until } from '../support/until.js';
import { keepBusy, LEASE_MS, metric, startBusyBrokers } from './busy-brokers.js';

const TOPIC = 'led';

let cluster: ClusterProcesses;

beforeAll(async () => {
  cluster = await startBusyBrokers();
});

afterAll(() => cluster.dispose());

test('a broker with a busy event loop keeps its leaderships beyond a lease time', async () => {
  const { partitions } = await cluster.createTopic(TOPIC, 2);
  const leader = await cluster.leaderOf(TOPIC, 0);
  await keepBusy(leader, 1.25 * LEASE_MS);
  const after = await cluster.untilInSync(TOPIC);
  const epochs = (view: typeof partitions) =>
    view.map(({ leader: id, leaderEpoch }) => ({ id, leaderEpoch }));
  expect(epochs(after.partitions)).toEqual(epochs(partitions));
  expect(await metric(leader, 'sluice_cluster_lease_renewals_withheld_total')).toBe(0);
  expect(leader.process.log.filter(({ msg }) => String(msg).includes('declared dead'))).toEqual([]);
  await until('the lease is known to be valid again', async () => {
    return (await metric(leader, 'sluice_cluster_lease_valid')) === 1;
  });
});
