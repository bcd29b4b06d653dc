/**
 * Decisions about moving a partition to other brokers, in three commits. No acknowledgement depends
 * on a step that a rebuild of the registry could miss (replication-safety, M8).
 *
 * 1. Request: the partition names its target replicas. Replicas, leader and ISR stay; a rebuild
 *    waits for enough of the current and the target replicas together.
 * 2. Once a majority of the brokers has the request on disk, the targets become replicas in
 *    addition to the current ones. They copy, and join the ISR as any replica does.
 * 3. Once all targets are in sync they become the only replicas, in a new leader epoch. Replicas
 *    leave a partition in no other way: every follower of that epoch has their removal on disk, so
 *    that nothing is acknowledged without the removed replicas that a rebuild could ask them for.
 *
 * Versions are never reused, so the version of the first commit identifies the request that the
 * majority knows, no matter what was committed in between.
 */
import { FaultList, ProtocolError, type TopicPartition } from '#protocol';
import type { Random } from '#runtime';
import type { ClusterState } from '../cluster-state.js';
import type { MetadataChange, PartitionMetadata, TopicMetadata } from '../metadata.js';
import { configuredMinInsync, countedReplicas } from '../min-insync-replicas.js';
import { rebuildVersionOf } from '../registry/rebuild.js';
import { changePartitions, inNewLeaderEpoch, isAliveIn } from './partition-changes.js';

export interface ReassignmentRequest extends TopicPartition {
  /** Target replicas, the preferred leader first. */
  readonly replicas: readonly number[];
}

/**
 * Requests other replicas, replacing an earlier request. A request for the replicas that the
 * partition had when the move began cancels the move. Changes nothing when the partition has these
 * replicas, or already moves to them.
 * @throws ProtocolError UNKNOWN_TOPIC_OR_PARTITION; INVALID_REQUEST for invalid replicas;
 *   INVALID_REPLICATION_FACTOR for fewer than the topic's min.insync.replicas; BROKER_NOT_AVAILABLE
 *   when a target that has no replica yet is not alive
 */
export function reassignReplicas(
  state: ClusterState,
  request: ReassignmentRequest,
): MetadataChange[] {
  const { topic: name, partition: number, replicas: to } = request;
  const topic = state.topics.get(name);
  const partition = topic?.partitions[number];
  if (topic === undefined || partition === undefined) {
    const detail = `There is no partition ${number} of topic "${name}".`;
    throw new ProtocolError('UNKNOWN_TOPIC_OR_PARTITION', detail);
  }
  assertReplicas(state, topic, request);
  const { reassignment, replicas, ...others } = partition;
  if (isSameList(reassignment?.to ?? replicas, to)) return [];
  assertAlive(state, partition, to);
  const from = reassignment?.from ?? replicas;
  const isCancelled = isSameList(to, replicas);
  const after: PartitionMetadata = {
    ...others,
    replicas,
    partitionEpoch: partition.partitionEpoch + 1,
    ...(isCancelled ? {} : { reassignment: { from, to, version: state.version + 1 } }),
  };
  const change = { partition: number, state: after };
  return [{ kind: 'partitions', topic: name, topicId: topic.id, partitions: [change] }];
}

/**
 * Advances every moving partition by one step, where its condition is met.
 * @param journaledVersion a version that a majority of the brokers is known to have on disk
 */
export function advanceReassignments(
  state: ClusterState,
  journaledVersion: number,
  random: Random,
): MetadataChange[] {
  const isAlive = isAliveIn(state);
  return changePartitions(state, (partition, topic) => {
    const { reassignment, replicas } = partition;
    if (reassignment === undefined || reassignment.version > journaledVersion) return partition;
    const counted = countedReplicas(partition);
    if (counted.length > replicas.length) {
      return { ...partition, replicas: counted, partitionEpoch: partition.partitionEpoch + 1 };
    }
    return finished(partition, topic, isAlive, random);
  });
}

/**
 * The newest version that a pending change waits for to be journaled; undefined: none is pending.
 * A change that a rebuild kept waits for the first version of the rebuild.
 */
export function versionToBeJournaled({ topics, ...state }: ClusterState): number | undefined {
  let version = -1;
  for (const { minInsyncHold, partitions } of topics.values()) {
    version = Math.max(version, minInsyncHold?.version ?? -1);
    for (const { reassignment } of partitions) {
      version = Math.max(version, reassignment?.version ?? -1);
    }
  }
  return version < 0 ? undefined : Math.max(version, rebuildVersionOf(state.version));
}

/** Replicas that a move adds and removes. */
export interface ReplicaMoves {
  readonly adding: readonly number[];
  readonly removing: readonly number[];
}

/** The replicas that a move adds and removes; undefined while the partition does not move. */
export function replicaMoves({
  replicas,
  reassignment,
}: PartitionMetadata): ReplicaMoves | undefined {
  if (reassignment === undefined) return undefined;
  const { from, to } = reassignment;
  return {
    adding: to.filter((id) => !from.includes(id)),
    removing: replicas.filter((id) => !to.includes(id)),
  };
}

/** The partition with only its new replicas; the same object while the move cannot end. */
function finished(
  partition: PartitionMetadata,
  topic: TopicMetadata,
  isAlive: (id: number) => boolean,
  random: Random,
): PartitionMetadata {
  const { reassignment, ...others } = partition;
  if (reassignment === undefined) return partition;
  const { from, to } = reassignment;
  const isr = to.filter((id) => partition.isr.includes(id));
  // A cancelled move does not wait for a replica that was behind before the move.
  const requiredCount = isSameSet(from, to) ? configuredMinInsync(topic, to.length) : to.length;
  if (isr.length < requiredCount) return partition;
  const { leader: currentLeader } = partition;
  const stays = currentLeader !== null && isr.includes(currentLeader);
  const leader = stays ? currentLeader : isr.find(isAlive);
  if (leader === undefined) return partition;
  return inNewLeaderEpoch({ ...others, replicas: to, isr }, leader, random);
}

function assertReplicas(
  { brokers }: ClusterState,
  topic: TopicMetadata,
  { replicas }: ReassignmentRequest,
): void {
  const faults = new FaultList();
  if (replicas.length === 0) faults.add('/replicas', 'a partition has at least one replica');
  const namedIds = new Set<number>();
  for (const [index, id] of replicas.entries()) {
    if (!brokers.has(id)) faults.add(`/replicas/${index}`, `the cluster has no broker ${id}`);
    if (namedIds.has(id)) faults.add(`/replicas/${index}`, `broker ${id} is named twice`);
    namedIds.add(id);
  }
  if (faults.count > 0) throw faulty('INVALID_REQUEST', faults);
  const required = configuredMinInsync(topic, replicas.length);
  if (replicas.length >= required) return;
  const detail = `the topic's min.insync.replicas is ${required}, more than ${replicas.length}`;
  const fault = new FaultList();
  fault.add('/replicas', detail);
  throw faulty('INVALID_REPLICATION_FACTOR', fault);
}

/** Refuses targets that are dead, unless they already have a replica or were requested before. */
function assertAlive(
  state: ClusterState,
  { replicas, reassignment }: PartitionMetadata,
  to: readonly number[],
): void {
  const isAlive = isAliveIn(state);
  const accepted = [...replicas, ...(reassignment?.to ?? [])];
  const deadIds = to.filter((id) => !accepted.includes(id) && !isAlive(id));
  if (deadIds.length === 0) return;
  const subject =
    deadIds.length === 1 ? `Broker ${deadIds[0]} is` : `Brokers ${deadIds.join(', ')} are`;
  throw new ProtocolError(
    'BROKER_NOT_AVAILABLE',
    `${subject} not alive: nothing can be copied there.`,
  );
}

function faulty(
  code: 'INVALID_REQUEST' | 'INVALID_REPLICATION_FACTOR',
  faults: FaultList,
): ProtocolError {
  return new ProtocolError(code, `${faults.sentence}.`, faults.asOptions);
}

function isSameList(left: readonly number[], right: readonly number[]): boolean {
  return left.length === right.length && left.every((id, index) => id === right[index]);
}

function isSameSet(left: readonly number[], right: readonly number[]): boolean {
  return left.length === right.length && left.every((id) => right.includes(id));
}
