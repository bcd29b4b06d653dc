/** Decisions about topics. The caller checks permissions and limits. */
import { ProtocolError, type TopicConfigOverrides } from '#protocol';
import type { Random } from '#runtime';
import type { ClusterState } from '../cluster-state.js';
import type {
  MetadataChange,
  MinInsyncHold,
  PartitionChange,
  PartitionMetadata,
  TopicMetadata,
} from '../metadata.js';
import {
  configuredMinInsync,
  minInsyncReplicas,
  replicationFactorOf,
} from '../min-insync-replicas.js';
import { isAliveIn } from './partition-changes.js';

export interface NewTopic {
  readonly name: string;
  /** A UUID that no topic had before. */
  readonly id: string;
  readonly configs: TopicConfigOverrides;
  /** Replicas of each partition, the preferred leader first. */
  readonly assignment: readonly (readonly number[])[];
}

export interface TopicChange {
  readonly name: string;
  readonly topicId: string;
  /** All overrides after the change. */
  readonly configs: TopicConfigOverrides;
  /** Replicas of each partition that is appended. */
  readonly addedAssignment: readonly (readonly number[])[];
}

/**
 * Creates a topic whose live replicas are in sync from the start, as there are no records yet.
 * Changes nothing when this very topic exists.
 * @throws ProtocolError TOPIC_ALREADY_EXISTS when another topic has the name; BROKER_NOT_AVAILABLE
 *   when none of a partition's replicas is alive
 */
export function createTopic(
  state: ClusterState,
  topic: NewTopic,
  random: Random,
): MetadataChange[] {
  const { name, id, configs, assignment } = topic;
  const existing = state.topics.get(name);
  // An earlier request created it, and its answer was lost.
  if (existing?.id === id) return [];
  if (existing !== undefined) {
    throw new ProtocolError('TOPIC_ALREADY_EXISTS', `There is a topic "${name}" already.`);
  }
  const partitions = newPartitions(state, assignment, random);
  return [{ kind: 'topic', topic: { name, id, version: 0, configs, partitions } }];
}

/**
 * Replaces a topic's configs and appends partitions. The change must be derived from the same
 * state: do both in one `Decision`. A lower min.insync.replicas is held until
 * `releaseMinInsyncHolds`.
 * @throws ProtocolError UNKNOWN_TOPIC_OR_PARTITION when there is no topic of this name with this
 *   id; BROKER_NOT_AVAILABLE when none of a new partition's replicas is alive
 */
export function alterTopic(
  state: ClusterState,
  change: TopicChange,
  random: Random,
): MetadataChange[] {
  const current = state.topics.get(change.name);
  if (current?.id !== change.topicId) {
    throw new ProtocolError('UNKNOWN_TOPIC_OR_PARTITION', `There is no topic "${change.name}".`);
  }
  const added = newPartitions(state, change.addedAssignment, random);
  const topic = {
    ...withoutHold(current),
    version: current.version + 1,
    configs: change.configs,
    partitions: [...current.partitions, ...added],
  };
  const minInsyncHold = holdOf(current, topic, state.version + 1);
  const topicWithHold = minInsyncHold === undefined ? topic : { ...topic, minInsyncHold };
  return [{ kind: 'topic', topic: topicWithHold }];
}

/**
 * Lets leaders use a lower min.insync.replicas that a majority of the brokers has on disk.
 * @param journaledVersion a version that a majority is known to have
 */
export function releaseMinInsyncHolds(
  state: ClusterState,
  journaledVersion: number,
): MetadataChange[] {
  const changes: MetadataChange[] = [];
  for (const topic of state.topics.values()) {
    if (topic.minInsyncHold === undefined || topic.minInsyncHold.version > journaledVersion) {
      continue;
    }
    const released = { ...withoutHold(topic), version: topic.version + 1 };
    changes.push({ kind: 'topic', topic: released });
  }
  return changes;
}

/** Deletes a topic; changes nothing when there is no topic of this name with this id. */
export function deleteTopic(state: ClusterState, name: string, topicId: string): MetadataChange[] {
  if (state.topics.get(name)?.id !== topicId) return [];
  return [{ kind: 'topic-deleted', topic: { name, id: topicId } }];
}

/**
 * Records that the leaders of these partitions have created their logs. A log that is missing later
 * is a log that was lost.
 * @param partitions numbers; confirmed and unknown ones are ignored
 * @param leaderId the reporting broker: partitions with another leader are ignored, as that one may
 *   have no log yet and must be allowed to create it. Undefined: any leader
 */
export function confirmPartitions(
  state: ClusterState,
  name: string,
  topicId: string,
  partitions: readonly number[],
  leaderId?: number,
): MetadataChange[] {
  const topic = state.topics.get(name);
  if (topic?.id !== topicId) return [];
  const changes: PartitionChange[] = [];
  for (const partition of partitions) {
    const before = topic.partitions[partition];
    if (before?.isNew !== true || (leaderId !== undefined && before.leader !== leaderId)) continue;
    changes.push({ partition, state: { ...before, isNew: false } });
  }
  if (changes.length === 0) return [];
  return [{ kind: 'partitions', topic: name, topicId, partitions: changes }];
}

/** The value that leaders used before, where the change lowers it for any partition. */
function holdOf(
  before: TopicMetadata,
  after: TopicMetadata,
  version: number,
): MinInsyncHold | undefined {
  const heldMinimums: number[] = [];
  for (const partition of before.partitions) {
    const required = minInsyncReplicas(before, partition);
    const next = configuredMinInsync(after, replicationFactorOf(partition));
    if (next < required) heldMinimums.push(required);
  }
  return heldMinimums.length === 0 ? undefined : { replicas: Math.max(...heldMinimums), version };
}

function withoutHold(topic: TopicMetadata): TopicMetadata {
  const { minInsyncHold: _, ...others } = topic;
  return others;
}

function newPartitions(
  state: ClusterState,
  assignment: readonly (readonly number[])[],
  random: Random,
): PartitionMetadata[] {
  const isAlive = isAliveIn(state);
  return assignment.map((replicas) => {
    const isr = replicas.filter(isAlive);
    const [leader] = isr;
    if (leader === undefined) {
      throw new ProtocolError(
        'BROKER_NOT_AVAILABLE',
        `None of the brokers ${replicas.join(', ')}, which would keep a partition, is alive.`,
      );
    }
    return {
      replicas,
      leader,
      leaderEpoch: 0,
      electionId: random.uuid(),
      isr,
      partitionEpoch: 0,
      isNew: true,
    };
  });
}
