/**
 * Dead letters are put back, and acknowledged records are deleted, while the brokers that do it are
 * killed: no record is lost, none has two dead letters, none is put back twice, and in the end the
 * topic is empty.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ClusterBroker, ClusterProcesses } from '../support/cluster-processes.js';
import { until } from '../support/until.js';
import { QueueLedger, RestWorker, type SharedQueue, SocketWorker } from './queue-worker.js';
import { RepeatingProducer } from './repeating-producer.js';
import { type QueuedRecord, RestQueue, untilFinished } from './rest-queue.js';

const TOPIC = 'jobs';
const GROUP = 'g';
const DEAD_LETTERS = `dlq.${GROUP}`;
const PARTITIONS = 3;
const VALUES = Array.from({ length: 150 }, (_, value) => value);
const POISON_EACH = 5;
const ALL_PARTITIONS = Array.from({ length: PARTITIONS }, (_, partition) => partition);

let cluster: ClusterProcesses;

beforeAll(async () => {
  cluster = await ClusterProcesses.start({
    environment: { SLUICE_DELETE_ON_ACK_INTERVAL_MS: '200' },
  });
});

afterAll(() => cluster?.dispose());

/** Knows also the offsets at which dead letters came back. */
class RedriveLedger extends QueueLedger {
  readonly redrivenAt = new Map<unknown, Set<string>>();

  override deliver(record: QueuedRecord): void {
    super.deliver(record);
    const { headers, partition, offset, value } = record;
    if (!headers.some(({ key }) => key === 'sluice.redrive.group')) return;
    const places = this.redrivenAt.get(value) ?? new Set<string>();
    this.redrivenAt.set(value, places.add(`${partition} ${offset}`));
  }
}

function queue(): RestQueue {
  return new RestQueue({ url: cluster.any.url } as never, TOPIC, GROUP);
}

async function produce(): Promise<void> {
  const producer = new RepeatingProducer(TOPIC, () => cluster.any);
  for (const value of VALUES) await producer.send(value, value % PARTITIONS);
}

async function deadLetters(): Promise<readonly QueuedRecord[]> {
  const all = ALL_PARTITIONS.map((partition) => queue().recordsOf(DEAD_LETTERS, partition));
  return (await Promise.all(all)).flat();
}

async function coordinator(): Promise<ClusterBroker> {
  return until('a coordinator', async () => {
    const answer = await queue()
      .call('GET', '')
      .catch(() => undefined);
    return cluster.running.find(({ id }) => id === answer?.body['coordinator']);
  });
}

/** Puts dead letters back until a call says that nothing is left, whatever fails meanwhile. */
async function redriveAll(): Promise<void> {
  await until('all dead letters are put back', async () => {
    const call = queue().call('POST', '/dead-letters/redrive', { limit: 7 });
    const answer = await call.catch(() => undefined);
    return answer?.status === 200 && answer.body['redriven'] === 0;
  });
}

/** Kills a broker that is chosen each time, and starts it again, while work is under way. */
async function killWhile(
  work: Promise<unknown>,
  choose: readonly (() => Promise<ClusterBroker>)[],
): Promise<void> {
  for (const next of choose) {
    const broker = await next();
    await broker.kill();
    await cluster.untilAllSeeAlive(cluster.running.map(({ id }) => id));
    await broker.start();
    await cluster.untilAllSeeAlive([1, 2, 3]);
  }
  await work;
}

function sourceOf({ headers }: QueuedRecord): string {
  const header = (name: string): string | undefined =>
    headers.find(({ key }) => key === `__dlq.errors.${name}`)?.value;
  return `${header('partition')} ${header('offset')}`;
}

test('dead letters come back once, and all is deleted, while brokers are killed', async () => {
  await cluster.createTopic(TOPIC, PARTITIONS, { configs: { 'sluice.delete.on.ack': true } });
  await queue().alter({ 'share.delivery.count.limit': 4, 'share.record.lock.duration.ms': 10_000 });
  const ledger = new RedriveLedger();
  let isRepaired = false;
  const isPoison = (value: unknown): boolean => !isRepaired && Number(value) % POISON_EACH === 2;
  const shared: SharedQueue = { group: GROUP, topic: TOPIC, ledger, isPoison };
  const urls = (): string[] => cluster.running.map(({ url }) => url);
  const workers = [
    new SocketWorker(shared, urls),
    new RestWorker(shared, urls),
    new RestWorker(shared, urls),
  ];
  await until('the group has its positions', async () => {
    const answer = await queue().call('GET', '');
    return (answer.body['partitions'] as unknown[] | undefined)?.length === PARTITIONS;
  });

  const poison = VALUES.length / POISON_EACH;
  await killWhile(produce(), [coordinator, () => cluster.leaderOf(TOPIC, 0)]);
  await untilFinished(queue);
  isRepaired = true;
  const leaderOfLetters = (): Promise<ClusterBroker> => cluster.leaderOf(DEAD_LETTERS, 0);
  await killWhile(redriveAll(), [coordinator, leaderOfLetters]);
  await redriveAll();
  await untilFinished(queue);
  await until('the topic is empty', async () => {
    const { partitions } = await cluster.topic(TOPIC);
    return partitions.every((one) => one['logStartOffset'] === one['highWatermark']);
  });
  await Promise.all(workers.map((worker) => worker.stop()));

  expect(ledger.lost(VALUES)).toEqual([]);
  const sources = (await deadLetters()).map(sourceOf);
  expect(sources).toHaveLength(poison);
  expect(new Set(sources).size).toBe(poison);
  const places = [...ledger.redrivenAt.values()].map(({ size }) => size);
  expect(places).toEqual(places.map(() => 1));
  expect(places).toHaveLength(poison);
  expect(ledger.faults).toEqual([]);
  expect(await queue().describe()).toMatchObject({ lag: 0, deadLetters: 0 });
}, 600_000);
