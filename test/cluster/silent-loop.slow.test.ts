import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ClusterProcesses } from '../support/cluster-processes.js';
import { until } from '../support/until.js';
import {
  keepBusy,
  LEASE_MS,
  LOOP_SILENCE_MAX_MS,
  metric,
  startBusyBrokers,
} from './busy-brokers.js';

const TOPIC = 'led';

let cluster: ClusterProcesses;

beforeAll(async () => {
  cluster = await startBusyBrokers();
});

afterAll(() => cluster.dispose());

test('a broker with a silent event loop is replaced until it responds again', async () => {
  await cluster.createTopic(TOPIC, 2);
  const hung = await cluster.leaderOf(TOPIC, 0);
  const busy = keepBusy(hung, LOOP_SILENCE_MAX_MS + 3 * LEASE_MS);
  await until('the other broker leads', async () => {
    const [other] = cluster.running;
    if (other === undefined || other === hung) return false;
    const { partitions } = await cluster.topic(TOPIC, other);
    return partitions.every(({ leader }) => leader === other.id);
  });
  await busy;
  await cluster.untilAllSeeAlive([1, 2]);
  await cluster.untilInSync(TOPIC);
  expect(await metric(hung, 'sluice_cluster_lease_renewals_withheld_total')).toBeGreaterThan(0);
});
