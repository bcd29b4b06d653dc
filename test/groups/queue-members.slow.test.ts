/**
 * Workers of a queue on WebSockets and on REST, on all brokers of a cluster, while brokers are
 * killed, frozen and cut off: each record is done once that is answered, and those that nobody can
 * process go to the dead letters once, after as many deliveries as the group allows.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ClusterBroker, ClusterProcesses } from '../support/cluster-processes.js';
import { until } from '../support/until.js';
import { QueueLedger, RestWorker, type SharedQueue, SocketWorker } from './queue-worker.js';
import { RepeatingProducer } from './repeating-producer.js';
import { type QueuedRecord, RestQueue, untilFinished } from './rest-queue.js';

const PARTITIONS = 3;
const DELIVERIES = 8;
const RECORDS_PER_STEP = 60;

let cluster: ClusterProcesses;
/** The brokers that workers may call now. */
let reachable: readonly ClusterBroker[];
let produced = 0;

beforeAll(async () => {
  cluster = await ClusterProcesses.start({ withRelays: true });
  reachable = cluster.brokers;
});

afterAll(() => cluster?.dispose());

/** Each twentieth record is poison. */
function valueOf(at: number): unknown {
  return at % 20 === 7 ? `poison ${at}` : at;
}

async function produce(producer: RepeatingProducer): Promise<void> {
  for (const end = produced + RECORDS_PER_STEP; produced < end; produced += 1) {
    await producer.send(valueOf(produced), produced % PARTITIONS);
  }
}

async function deadLettersOf(queue: RestQueue): Promise<readonly QueuedRecord[]> {
  const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition);
  const all = await Promise.all(
    partitions.map((partition) => queue.recordsOf(`dlq.${queue.group}`, partition)),
  );
  return all.flat();
}

async function coordinatorOf(queue: RestQueue): Promise<ClusterBroker> {
  return until('a coordinator', async () => {
    const { coordinator } = (await queue.call('GET', '')).body;
    return cluster.running.find(({ id }) => id === coordinator);
  });
}

test('no acknowledged record comes back while brokers die, freeze and are cut off', async () => {
  const topic = 'jobs';
  await cluster.createTopic(topic, PARTITIONS);
  const rest = (): RestQueue =>
    new RestQueue({ url: reachable[0]?.url ?? '' } as never, topic, 'g');
  await rest().alter({
    'share.delivery.count.limit': DELIVERIES,
    'share.record.lock.duration.ms': 15_000,
  });
  const ledger = new QueueLedger();
  const isPoison = (value: unknown): boolean => typeof value === 'string';
  const shared: SharedQueue = { group: 'g', topic, ledger, isPoison };
  const producer = new RepeatingProducer(topic, () => reachable[0]);
  const urls = (): string[] => reachable.map(({ url }) => url);
  const sockets = [1, 2, 3].map(() => new SocketWorker(shared, urls));
  const workers = [...sockets, new RestWorker(shared, urls), new RestWorker(shared, urls)];

  /** Takes a broker away while records are produced. */
  const without = async (
    broker: ClusterBroker,
    away: () => unknown,
    back: () => unknown,
  ): Promise<void> => {
    await produce(producer);
    await away();
    reachable = cluster.brokers.filter(({ id }) => id !== broker.id);
    for (const worker of sockets) if (worker.url === broker.url) worker.disconnect();
    await produce(producer);
    await back();
    await cluster.untilAllSeeAlive([1, 2, 3]);
    reachable = cluster.brokers;
    await produce(producer);
  };
  const killed = await coordinatorOf(rest());
  await without(
    killed,
    () => killed.kill(),
    () => killed.start(),
  );
  const frozen = await coordinatorOf(rest());
  await without(
    frozen,
    () => frozen.pause(),
    () => frozen.resume(),
  );
  const cut = await coordinatorOf(rest());
  await without(
    cut,
    () => cluster.isolate(cut.id),
    () => cluster.heal(),
  );

  await untilFinished(rest);
  const values = Array.from({ length: produced }, (_, at) => valueOf(at));
  expect(ledger.lost(values.filter((value) => !isPoison(value)))).toEqual([]);
  const poison = values.filter(isPoison).length;
  await until('all dead letters are written', async () => {
    return (await deadLettersOf(rest())).length >= poison;
  });
  await Promise.all(workers.map((worker) => worker.stop()));
  const letters = await deadLettersOf(rest());
  expect(new Set(letters.map(({ value }) => value)).size).toBe(poison);
  expect(letters).toHaveLength(poison);
  for (const { value, headers } of letters) {
    expect(value).toMatch(/^poison/);
    const count = headers.find(({ key }) => key === '__dlq.errors.delivery.count')?.value;
    expect(count).toBe(String(DELIVERIES));
  }
  expect(ledger.faults).toEqual([]);
}, 300_000);
