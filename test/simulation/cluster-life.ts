import { topicPartitionName } from '#protocol';
import type { ClientParts } from './client.js';
import { LastProducer } from './producers.js';
import type { World } from './world.js';

export interface TopicPlan {
  readonly name: string;
  readonly minInsyncReplicas: number;
  /** Number of partitions with a replica on each broker. */
  readonly partitions?: number;
  /** Replicas of a single partition, the preferred leader first; used in place of `partitions`. */
  readonly replicas?: readonly number[];
}

const START_MS_MAX = 30_000;
/** Time limit after healing within which every partition accepts acks=all again (I19), ms. */
const RECOVERY_MS_MAX = 40_000;

/** Starts all brokers. */
export async function startCluster(world: World): Promise<void> {
  for (const machine of world.machines) machine.start();
  const isUp = (): boolean => world.machines.every(({ broker }) => broker !== undefined);
  await world.mustBecome(isUp, START_MS_MAX, () => 'the cluster did not start');
}

export async function createTopic(world: World, plan: TopicPlan): Promise<void> {
  const { name, partitions = 1, replicas, minInsyncReplicas } = plan;
  const brokers = world.machines.length;
  const place =
    replicas === undefined
      ? { partitions, replicationFactor: brokers }
      : { replicaAssignment: [replicas] };
  const minInsync = Math.min(minInsyncReplicas, brokers);
  const configs = { 'min.insync.replicas': minInsync, 'segment.bytes': 4000 };
  const made = world.machine(0).broker?.createTopic({ name, ...place, configs });
  let isCreated = false;
  made?.then(
    () => (isCreated = true),
    (error: unknown) => world.unexpected(name, error),
  );
  await world.mustBecome(
    () => isCreated,
    START_MS_MAX,
    () => `${name} was not created`,
  );
}

/**
 * Heals all faults: no broker is stopped, cut off or short of disk space, and all processes run.
 * Clocks that are off stay so.
 * @param restarts true to restart all of them
 */
export function healAll(world: World, { restarts }: { readonly restarts: boolean }): void {
  world.trace.add('faults', 'are healed');
  world.links.healAll();
  world.redis.resume();
  world.redis.start();
  world.redis.loseReplies(0);
  world.redis.deliveryDelayMsMax = 0;
  for (const machine of world.machines) {
    machine.disk.clearFaults();
    machine.disk.capacityBytes = Number.POSITIVE_INFINITY;
    machine.resetSpeed();
    machine.resume();
    // Only a restart recovers from a failed sync; damage is found only where nothing is cached in
    // memory.
    if (restarts || machine.mustRestart || machine === world.damaged) machine.kill();
    machine.start();
  }
}

/** Waits until every partition accepts records, and all replicas are in sync (I19). */
export async function recovery(parts: ClientParts): Promise<void> {
  const { world } = parts;
  const startMs = world.nowMs;
  const topics = [...world.state.topics.values()];
  const waiting = new Set<string>();
  for (const { name: topic, partitions } of topics) {
    // Only the cluster writes to internal topics.
    if (topic.startsWith('__')) continue;
    for (const partition of partitions.keys()) {
      const producer = new LastProducer(parts, { topic, partition });
      const partitionName = topicPartitionName({ topic, partition });
      waiting.add(partitionName);
      void producer.run().then(() => waiting.delete(partitionName));
    }
  }
  // A client may be about to delete one of the topics.
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
  const hasRecovered = (): boolean => areTaken() && areInSync();
  const missing = (): string => {
    const why = areTaken() ? 'has replicas out of sync' : `refuses ${[...waiting].join(', ')}`;
    return `I19: ${RECOVERY_MS_MAX} ms after healing the cluster still ${why}`;
  };
  if (!(await world.mustBecome(hasRecovered, RECOVERY_MS_MAX, missing))) return;
  const tookMs = Math.round(world.nowMs - startMs);
  world.trace.add('checker', `the cluster has recovered after ${tookMs} ms`);
}
