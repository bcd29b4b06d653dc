import type { ClientParts } from './client.js';
import { FaultPlan } from './fault-plan.js';
import { FinalCheck } from './final-check.js';
import { GroupMember } from './group-member.js';
import { History } from './history.js';
import { Operator } from './operator.js';
import { LastProducer, Producer, RetryingProducer } from './producers.js';
import { Asker, Reader } from './readers.js';
import { TopicChanger } from './topic-changer.js';
import { World } from './world.js';

export interface SimulationOptions {
  readonly seed: number;
  /** How long things go wrong, in simulated time. */
  readonly troubleMs?: number;
}

export interface SimulationResult {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly world: World;
  readonly counts: Readonly<Record<string, number>>;
}

interface TopicPlan {
  readonly name: string;
  readonly partitions: number;
  readonly minInSyncReplicas: number;
}

const TOPICS: readonly TopicPlan[] = [
  { name: 'orders', partitions: 2, minInSyncReplicas: 2 },
  { name: 'events', partitions: 1, minInSyncReplicas: 2 },
  { name: 'notes', partitions: 1, minInSyncReplicas: 1 },
];

const TROUBLE_MS = 15_000;
const START_MS_MAX = 30_000;
/** I19: how long after everything is well again a partition may refuse acks=all. */
const RECOVERY_MS_MAX = 40_000;
/** How long after that clients may wait for answers. */
const ANSWER_MS_MAX = 60_000;

/** A cluster under load, with everything going wrong that may; then well again, and looked at. */
export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const { seed, troubleMs = TROUBLE_MS } = options;
  const world = new World({ seed });
  const history = new History(world);
  const plan = new FaultPlan(world);
  try {
    await world.drive(() => runThrough(world, history, plan, troubleMs));
  } finally {
    world.end();
  }
  const counts = {
    sent: history.records.size,
    acknowledged: history.count('acknowledged'),
    unknown: history.count('unknown'),
    failed: history.count('failed'),
    elections: world.metadata.elections,
    faults: plan.count,
    simulatedMs: Math.round(world.nowMs),
  };
  return { seed, violations: world.violations, world, counts };
}

async function runThrough(
  world: World,
  history: History,
  plan: FaultPlan,
  troubleMs: number,
): Promise<void> {
  await startCluster(world, TOPICS);
  let isOver = false;
  const parts: ClientParts = { world, history, isOver: () => isOver };
  const running = startClients(parts, () => plan.isOver);
  await plan.run(troubleMs);
  await plan.heal();
  if (world.violations.length === 0) await recovery(parts);
  isOver = true;
  if (world.violations.length > 0) return;
  if (!(await world.until(() => running.size === 0, ANSWER_MS_MAX))) {
    world.violated(`no answer for ${[...running].join(', ')}`);
  }
  if (world.violations.length === 0) await new FinalCheck(world, history).run();
}

/** Starts all brokers and makes the topics. */
async function startCluster(world: World, topics: readonly TopicPlan[]): Promise<void> {
  for (const machine of world.machines) machine.start();
  const isUp = (): boolean => world.machines.every(({ broker }) => broker !== undefined);
  if (!(await world.until(isUp, START_MS_MAX))) {
    world.violated('the cluster did not start');
    return;
  }
  for (const { name, partitions, minInSyncReplicas } of topics) {
    const made = world.machine(0).broker?.createTopic({
      name,
      partitions,
      replicationFactor: 3,
      configs: { 'min.insync.replicas': minInSyncReplicas, 'segment.bytes': 4000 },
    });
    let isMade = false;
    made?.then(
      () => (isMade = true),
      (error: unknown) => world.unexpected(name, error),
    );
    if (!(await world.until(() => isMade, START_MS_MAX))) world.violated(`${name} was not made`);
  }
}

/** @returns the names of the clients that run */
function startClients(parts: ClientParts, isTroubleOver: () => boolean): ReadonlySet<string> {
  const { world } = parts;
  const random = world.randomOf('clients');
  const pauseMsMax = [60, 200, 600][random.below(3)] ?? 200;
  const produce = { pauseMsMax, acks: 'all' } as const;
  const clients: { readonly name: string; run(): Promise<void> }[] = [
    new Producer(parts, { ...produce, name: 'p1', topic: 'orders', partitions: 2 }),
    new Producer(parts, { ...produce, name: 'p2', topic: 'orders', partitions: 2 }),
    new Producer(parts, { ...produce, name: 'p3', topic: 'orders', partitions: 2, acks: '1' }),
    new RetryingProducer(parts, { ...produce, name: 'r1', topic: 'events', partitions: 1 }),
    new RetryingProducer(parts, { ...produce, name: 'r2', topic: 'orders', partitions: 2 }),
    new Producer(parts, { ...produce, name: 'p4', topic: 'notes', partitions: 1 }),
    new Asker(parts, { name: 'asker', topic: 'orders', partitions: 2 }),
    new GroupMember(parts, { name: 'group', topic: 'orders', partitions: 2 }),
    new TopicChanger(parts, 'admin', isTroubleOver),
    new Operator(parts),
  ];
  for (const { name: topic, partitions } of TOPICS) {
    for (let partition = 0; partition < partitions; partition += 1) {
      const name = `reader of ${topic}-${partition}`;
      const isRestless = random.below(2) === 0;
      clients.push(new Reader(parts, { name, topic, partition, isRestless }));
    }
  }
  const running = new Set<string>();
  for (const client of clients) {
    running.add(client.name);
    client.run().then(
      () => running.delete(client.name),
      (error: unknown) => world.unexpected(client.name, error),
    );
  }
  return running;
}

/** Waits until every partition takes records again, and all replicas are in sync (I19). */
async function recovery(parts: ClientParts): Promise<void> {
  const { world } = parts;
  const startMs = world.nowMs;
  const topics = [...world.state.topics.values()];
  const waiting = new Set<string>();
  for (const { name: topic, partitions } of topics) {
    // What the cluster keeps there nobody else writes.
    if (topic.startsWith('__')) continue;
    for (const partition of partitions.keys()) {
      const producer = new LastProducer(parts, { topic, partition });
      waiting.add(producer.name);
      void producer.run().then(() => waiting.delete(producer.name));
    }
  }
  const areInSync = (): boolean =>
    [...world.state.topics.values()].every(({ partitions }) =>
      partitions.every(({ isr, replicas }) => isr.length === replicas.length),
    );
  if (await world.until(() => waiting.size === 0 && areInSync(), RECOVERY_MS_MAX)) {
    world.trace.add('checker', `all is well again after ${Math.round(world.nowMs - startMs)} ms`);
    return;
  }
  const why = waiting.size > 0 ? `refuses ${[...waiting].join(', ')}` : 'has replicas out of sync';
  world.violated(`I19: ${RECOVERY_MS_MAX} ms after all was well the cluster still ${why}`);
}
