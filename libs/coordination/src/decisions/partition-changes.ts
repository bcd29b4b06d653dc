/** Shared parts of the decisions about partitions. */
import { parseTopicConfig } from '#protocol';
import type { Random } from '#runtime';
import { applyChanges, type ClusterState } from '../cluster-state.js';
import type { Decision } from '../coordination-store.js';
import type {
  MetadataChange,
  PartitionChange,
  PartitionMetadata,
  TopicMetadata,
} from '../metadata.js';
import { topicReplicationFactor } from '../min-insync-replicas.js';

/** The new state of a partition; the same object when it does not change. */
export type PartitionDecision = (
  partition: PartitionMetadata,
  topic: TopicMetadata,
  number: number,
) => PartitionMetadata;

/** Decides on every partition of every topic: one change for each topic with changed partitions. */
export function changePartitions(state: ClusterState, decide: PartitionDecision): MetadataChange[] {
  const changes: MetadataChange[] = [];
  for (const topic of state.topics.values()) {
    const partitions: PartitionChange[] = [];
    for (const [partition, before] of topic.partitions.entries()) {
      const after = decide(before, topic, partition);
      if (after !== before) partitions.push({ partition, state: after });
    }
    if (partitions.length > 0) {
      changes.push({ kind: 'partitions', topic: topic.name, topicId: topic.id, partitions });
    }
  }
  return changes;
}

/** Runs decisions one after the other, each on the result of the previous one, in one commit. */
export function decideInSequence(...decisions: readonly Decision[]): Decision {
  return (state) => {
    const changes: MetadataChange[] = [];
    let draft = state;
    for (const decide of decisions) {
      const more = decide(draft);
      changes.push(...more);
      draft = applyChanges(draft, more);
    }
    return changes;
  };
}

/** The partition in a new leader epoch. */
export function inNewLeaderEpoch(
  partition: PartitionMetadata,
  leader: number | null,
  random: Random,
): PartitionMetadata {
  return {
    ...partition,
    leader,
    leaderEpoch: partition.leaderEpoch + 1,
    electionId: random.uuid(),
    partitionEpoch: partition.partitionEpoch + 1,
  };
}

/** Input of `settled`: the ISR and the candidates for leadership. */
export interface IsrAndCandidates {
  readonly isr: readonly number[];
  /** Live replicas, in the order in which they are preferred as leaders. */
  readonly live: readonly number[];
  /** True when the present leader may continue in its epoch. */
  readonly mayKeepLeader: boolean;
}

/**
 * Gives a partition an ISR and a leader: the present one, otherwise the first live in-sync replica.
 * Without one, the first live replica leads if the topic allows an unclean election, and records of
 * other replicas are lost; otherwise there is no leader.
 */
export function withIsrAndLeader(
  partition: PartitionMetadata,
  topic: TopicMetadata,
  settlement: IsrAndCandidates,
  random: Random,
): PartitionMetadata {
  const { isr, live, mayKeepLeader } = settlement;
  const { leader } = partition;
  const inSync = live.filter((id) => isr.includes(id));
  if (!mayKeepLeader || leader === null || !inSync.includes(leader)) {
    const [next] = inSync;
    if (next !== undefined) return inNewLeaderEpoch({ ...partition, isr }, next, random);
    const [outOfSync] = live;
    if (outOfSync !== undefined && allowsUncleanElection(topic)) {
      return inNewLeaderEpoch({ ...partition, isr: [outOfSync] }, outOfSync, random);
    }
    if (leader !== null) return inNewLeaderEpoch({ ...partition, isr }, null, random);
  }
  // ISRs only lose members here: one of the same length is the same ISR.
  if (isr.length === partition.isr.length) return partition;
  return { ...partition, isr, partitionEpoch: partition.partitionEpoch + 1 };
}

/** An ISR without a broker; the last member stays. */
export function isrWithout(isr: readonly number[], id: number): readonly number[] {
  const others = isr.filter((member) => member !== id);
  return others.length === 0 ? isr : others;
}

export function isAliveIn(state: ClusterState): (id: number) => boolean {
  return (id) => state.brokers.get(id)?.alive === true;
}

function allowsUncleanElection(topic: TopicMetadata): boolean {
  const config = parseTopicConfig(topic.configs, topicReplicationFactor(topic));
  return config['unclean.leader.election.enable'];
}
