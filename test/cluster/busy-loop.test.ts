import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ClusterBroker, ClusterProcesses } from '../support/cluster-processes.js';
import { Inspector } from '../support/inspector.js';
import { until } from '../support/until.js';

const LEASE_MS = 1500;
const LOOP_SILENCE_MAX_MS = 6000;
const TOPIC = 'led';

let cluster: ClusterProcesses;

beforeAll(async () => {
  cluster = await ClusterProcesses.start({
    brokers: 2,
    environment: {
      SLUICE_LEASE_MS: String(LEASE_MS),
      SLUICE_LOOP_SILENCE_MAX_MS: String(LOOP_SILENCE_MAX_MS),
      // Leaders stay where they are put.
      SLUICE_PREFERRED_LEADER_INTERVAL_MS: '0',
      NODE_OPTIONS: '--inspect=127.0.0.1:0',
    },
  });
});

afterAll(() => cluster.dispose());

/** The event loop of a broker does one task for so long. Resolves when that is over. */
async function keepBusy(broker: ClusterBroker, durationMs: number): Promise<void> {
  broker.isUp = false;
  const inspector = await Inspector.of(broker.process);
  await inspector.evaluate(
    `{ const endMs = performance.now() + ${durationMs}; while (performance.now() < endMs); }`,
  );
  inspector.close();
  broker.isUp = true;
}

async function metric(broker: ClusterBroker, name: string): Promise<number> {
  const text = await (await fetch(`${broker.url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
}

test('a broker with a busy event loop keeps its leaderships beyond a lease time', async () => {
  const { partitions } = await cluster.createTopic(TOPIC, 2);
  const leader = await cluster.leaderOf(TOPIC, 0);
  await keepBusy(leader, 2.5 * LEASE_MS);
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

test('a broker with a silent event loop is replaced until it responds again', async () => {
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
