import { topicPartitionName } from '#protocol';
import type { ClientParts } from './client.js';
import { LastProducer } from './producers.js';
import type { World } from './world.js';

export interface TopicPlan {
  readonly name: string;
  readonly minInSyncReplicas: number;
  /** Of three replicas each, wherever the cluster places them. */
  readonly partitions?: number;
  /** In place of `partitions`: one partition with these replicas, the preferred leader first. */
  readonly replicas?: readonly number[];
}

const START_MS_MAX = 30_000;
/** I19: how long after everything is well again a partition may refuse acks=all. */
const RECOVERY_MS_MAX = 40_000;

/** Starts all brokers. */
export async function startCluster(world: World): Promise<void> {
  for (const machine of world.machines) machine.start();
  const isUp = (): boolean => world.machines.every(({ broker }) => broker !== undefined);
  if (!(await world.until(isUp, START_MS_MAX))) world.violated('the cluster did not start');
}

export async function makeTopic(world: World, plan: TopicPlan): Promise<void> {
  const { name, partitions = 1, replicas, minInSyncReplicas } = plan;
  const place =
    replicas === undefined
      ? { partitions, replicationFactor: 3 }
      : { replicaAssignment: [replicas] };
  const configs = { 'min.insync.replicas': minInSyncReplicas, 'segment.bytes': 4000 };
  const made = world.machine(0).broker?.createTopic({ name, ...place, configs });
  let isMade = false;
  made?.then(
    () => (isMade = true),
    (error: unknown) => world.unexpected(name, error),
  );
  if (!(await world.until(() => isMade, START_MS_MAX))) world.violated(`${name} was not made`);
}

/**
 * Everything is well from now on: nobody is stopped, cut off or short of disk, and all processes
 * run.
 * @param restarts whether all of them are started anew
 */
export function healAll(world: World, { restarts }: { readonly restarts: boolean }): void {
  world.trace.add('faults', 'are over: everything is well from now on');
  world.links.healAll();
  world.redis.goOn();
  world.redis.start();
  world.redis.loseReplies(0);
  world.redis.newsDelayMsMax = 0;
  for (const machine of world.machines) {
    machine.disk.clearFaults();
    machine.disk.capacityBytes = Number.POSITIVE_INFINITY;
    machine.resetSpeed();
    machine.goOn();
    // What a failed sync left is mended by a restart alone; damage is found where nothing is in
    // memory.
    if (restarts || machine.mustRestart || machine === world.damaged) machine.kill();
    machine.start();
  }
}

/** Waits until every partition takes records again, and all replicas are in sync (I19). */
export async function recovery(parts: ClientParts): Promise<void> {
  const { world } = parts;
  const startMs = world.nowMs;
  const topics = [...world.state.topics.values()];
  const waiting = new Set<string>();
  for (const { name: topic, partitions } of topics) {
    // What the cluster keeps there nobody else writes.
    if (topic.startsWith('__')) continue;
    for (const partition of partitions.keys()) {
      const producer = new LastProducer(parts, { topic, partition });
      const partitionName = topicPartitionName({ topic, partition });
      waiting.add(partitionName);
      void producer.run().then(() => waiting.delete(partitionName));
    }
  }
  // Somebody may be about to delete one of them.
  const areTaken = (): boolean =>
    topics.every(
      ({ name, partitions }) =>
        !world.state.topics.has(name) ||
        partitions.every(
          (_, partition) => !waiting.has(topicPartitionName({ topic: name, partition })),
        ),
    );
  const areInSync = (): boolean =>
    [...world.state.topics.values()].every(({ partitions }) =>
      partitions.every(({ isr, replicas }) => isr.length === replicas.length),
    );
  if (await world.until(() => areTaken() && areInSync(), RECOVERY_MS_MAX)) {
    world.trace.add('checker', `all is well again after ${Math.round(world.nowMs - startMs)} ms`);
    return;
  }
  const why = areTaken() ? 'has replicas out of sync' : `refuses ${[...waiting].join(', ')}`;
  world.violated(`I19: ${RECOVERY_MS_MAX} ms after all was well the cluster still ${why}`);
}
