import { setTimeout } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { checkedHistory, found } from '../cluster/checked-history.js';
import { addFinalLogs } from '../cluster/final-log.js';
import { History } from '../cluster/history.js';
import { ClusterProcesses } from '../support/cluster-processes.js';
import { TcpRelay } from '../support/tcp-relay.js';
import { ClientLoad } from './client-load.js';
import { clientOf, TRANSPORTS } from './client-under-test.js';

const TOPIC = 'orders';
const PARTITIONS = 3;
const RECORDS_BETWEEN = 100;
/** Longer than the lease of the brokers, and than a session of the clients waits for an answer. */
const SILENCE_MS = 3000;

test('clients of a cluster lose and repeat nothing under kill -9 and cuts', {
  timeout: 600_000,
}, async () => {
  const cluster = await ClusterProcesses.start();
  onTestFinished(() => cluster.dispose());
  await cluster.createTopic(TOPIC, PARTITIONS, { configs: { 'min.insync.replicas': 2 } });
  const relays = await Promise.all(
    cluster.brokers.map(({ url }) => TcpRelay.start(Number(new URL(url).port))),
  );
  onTestFinished(() => Promise.all(relays.map((relay) => relay.close())).then(() => undefined));
  const history = new History('clients');
  history.add({ event: 'start', topic: TOPIC, partitions: PARTITIONS });
  const urls = relays.map(({ port }) => `http://127.0.0.1:${port}`);
  const loads = TRANSPORTS.map((transport) => {
    const client = clientOf(urls, transport, { reconnectBackoffMaxMs: 500 });
    onTestFinished(() => client.close());
    return new ClientLoad({ client, transport, history, topic: TOPIC, partitions: PARTITIONS });
  });

  await history.more(RECORDS_BETWEEN);
  for (const partition of [0, 1]) {
    const leader = await cluster.leaderOf(TOPIC, partition);
    history.fault(`kill -9 of broker ${leader.id}, leader of ${TOPIC}-${partition}`);
    await leader.kill();
    await history.more(RECORDS_BETWEEN);
    await leader.start();
    await history.more(RECORDS_BETWEEN);
    await cluster.untilInSync(TOPIC);
  }
  history.fault('all connections of clients are reset');
  for (const relay of relays) relay.refuse();
  for (const relay of relays) relay.heal();
  await history.more(RECORDS_BETWEEN);
  history.fault('nothing passes between clients and brokers for a time');
  for (const relay of relays) relay.cut();
  // The length of the cut is the fault.
  await setTimeout(SILENCE_MS);
  for (const relay of relays) relay.heal();
  await history.more(RECORDS_BETWEEN);
  for (const load of loads) await load.stop();

  expect(loads.flatMap(({ faults }) => faults)).toEqual([]);
  await addFinalLogs(cluster, history, TOPIC);
  history.close();
  const checked = await checkedHistory(history.path);
  console.info(`clients of a cluster: ${JSON.stringify(checked.counts)}`);
  expect(found(checked)).toEqual({});
  expect(checked.isWhole).toBe(true);
});
