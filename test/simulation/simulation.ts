import { repaired } from './bit-flips.js';
import type { ClientParts } from './client.js';
import { createTopic, recovery, startCluster, type TopicPlan } from './cluster-life.js';
import { FaultPlan } from './fault-plan.js';
import { FinalCheck } from './final-check.js';
import { GroupMember } from './group-member.js';
import { GroupTeams, type QueueKind } from './group-teams.js';
import { History } from './history.js';
import { Operator } from './operator.js';
import { Producer, RetryingProducer } from './producers.js';
import { Asker, Reader } from './readers.js';
import { TopicChanger } from './topic-changer.js';
import { WatermarkWatch } from './watermark-watch.js';
import { World } from './world.js';

export interface SimulationResult {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly world: World;
  readonly counts: Readonly<Record<string, number>>;
}

const TOPICS = [
  { name: 'orders', partitions: 2, minInsyncReplicas: 2 },
  { name: 'events', partitions: 1, minInsyncReplicas: 2 },
  { name: 'notes', partitions: 1, minInsyncReplicas: 1 },
] satisfies readonly TopicPlan[];

/** Durations of the faults in simulated time, ms; a run uses one. */
const FAULTS_MS = [4000, 8000, 15_000] as const;
/** Bytes of the segments of the groups' log where it is compacted: some tens of changes. */
const SEGMENT_BYTES = 8000;
/** Time limit after healing for answers to clients, ms. */
const ANSWER_MS_MAX = 60_000;

/**
 * Runs a cluster under load with faults, heals it, and checks it.
 * @param brokers 1 runs a broker without peers
 */
export async function simulate(
  seed: number,
  brokers = 3,
  queue: QueueKind = 'plain',
): Promise<SimulationResult> {
  const settings = queue === 'redriven' ? { offsetsTopicSegmentBytes: SEGMENT_BYTES } : {};
  const world = new World({ seed, brokers, settings });
  const history = new History(world);
  const plan = new FaultPlan(world);
  const isOver = { value: false };
  const parts: ClientParts = { world, history, isOver: () => isOver.value };
  const teams = new GroupTeams(parts, queue);
  try {
    await world.drive(() => runThrough(parts, { plan, teams, isOver, queue }));
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
    ...teams.counts,
    simulatedMs: Math.round(world.nowMs),
  };
  return { seed, violations: world.violations, world, counts };
}

interface Run {
  readonly plan: FaultPlan;
  readonly teams: GroupTeams;
  readonly isOver: { value: boolean };
  readonly queue: QueueKind;
}

async function runThrough(parts: ClientParts, run: Run): Promise<void> {
  const { world, history } = parts;
  const { plan, teams, isOver } = run;
  await startCluster(world);
  for (const topic of TOPICS) await createTopic(world, topic);
  const running = startClients(parts, run);
  await teams.start();
  await plan.run(plan.pick(FAULTS_MS));
  await plan.heal();
  if (world.violations.length === 0) await recovery(parts);
  if (world.violations.length === 0 && world.damaged !== undefined) {
    await repaired(world, world.damaged);
  }
  isOver.value = true;
  if (world.violations.length > 0) return;
  const isAnswered = (): boolean => running.size === 0;
  await world.mustBecome(
    isAnswered,
    ANSWER_MS_MAX,
    () => `no answer for ${[...running].join(', ')}`,
  );
  if (world.violations.length === 0) await teams.finish();
  if (world.violations.length === 0) await new FinalCheck(world, history).run();
  if (world.violations.length === 0) await teams.check();
}

/** @returns the names of the running clients */
function startClients(parts: ClientParts, { plan, queue }: Run): ReadonlySet<string> {
  const { world } = parts;
  const isQueued = queue !== 'plain';
  const random = world.randomOf('clients');
  const pauseMsMax = [60, 200, 600][random.below(3)] ?? 200;
  const produce = { pauseMsMax, acks: 'all' } as const;
  const clients: { readonly name: string; run(): Promise<void> }[] = [
    new Producer(parts, { ...produce, name: 'p1', topic: 'orders', partitions: 2 }),
    new Producer(parts, { ...produce, name: 'p2', topic: 'orders', partitions: 2 }),
    new Producer(parts, { ...produce, name: 'p3', topic: 'orders', partitions: 2, acks: '1' }),
    new RetryingProducer(parts, {
      ...produce,
      name: 'r1',
      topic: 'events',
      partitions: 1,
      isQueued,
    }),
    new RetryingProducer(parts, { ...produce, name: 'r2', topic: 'orders', partitions: 2 }),
    new Producer(parts, { ...produce, name: 'p4', topic: 'notes', partitions: 1 }),
    new Asker(parts, { name: 'asker', topic: 'orders', partitions: 2 }),
    new GroupMember(parts, { name: 'group', topic: 'orders', partitions: 2 }),
    new TopicChanger(parts, 'admin', () => plan.isOver),
    new Operator(parts),
    new WatermarkWatch(parts),
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
