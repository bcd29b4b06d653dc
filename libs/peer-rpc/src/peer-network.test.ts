import { expect, onTestFinished, test } from 'vitest';
import { SystemScheduler, silentLogger } from '#runtime';
import { PeerNetwork } from './peer-network.js';
import { CLUSTER_SECRET, CLUSTER_UUID, message } from './testing/peer-pair.js';

const SETTINGS = {
  clusterSecret: CLUSTER_SECRET,
  clusterHost: '127.0.0.1',
  clusterPort: 0,
  clusterUrl: undefined,
  clusterMessageBytesMax: 1_000_000,
  clusterMemoryBytes: 4_000_000,
  clusterCallsMax: 100,
  clusterArrivalTimeoutMs: 60_000,
};

async function open(brokerId: number): Promise<PeerNetwork> {
  const ports = { logger: silentLogger, scheduler: new SystemScheduler() };
  const network = await PeerNetwork.open({ ...SETTINGS, brokerId }, undefined, ports);
  onTestFinished(() => network.close(0));
  return network;
}

test('brokers find each other at the addresses that the cluster has', async () => {
  const one = await open(1);
  const two = await open(2);
  const brokers = new Map([
    [1, { clusterUrl: one.clusterUrl }],
    [2, { clusterUrl: two.clusterUrl }],
  ]);
  const directory = { clusterUuid: CLUSTER_UUID, state: { brokers } };
  one.serve(CLUSTER_UUID, { produce: () => Promise.resolve(message('one')) });
  two.serve(CLUSTER_UUID, { produce: () => Promise.resolve(message('two')) });
  const [fromOne, fromTwo] = [one.connect(directory), two.connect(directory)];
  const options = { timeoutMs: 20_000 };
  expect(await fromOne.call(2, 'produce', message(null), options)).toMatchObject({ body: 'two' });
  expect(await fromTwo.call(1, 'produce', message(null), options)).toMatchObject({ body: 'one' });
  await expect(fromOne.call(3, 'produce', message(null), options)).rejects.toMatchObject({
    brokerId: 3,
    wasSent: false,
  });
  expect(one.status()).toMatchObject({
    listener: { callsInFlight: 0 },
    peers: { callsAnswered: 1, callsUnreachable: 1 },
  });
});
