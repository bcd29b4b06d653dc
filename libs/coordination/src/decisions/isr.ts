/**
 * Decisions about ISRs: proposals of leaders, and removals that replicas request for themselves.
 */
import type { Random } from '#runtime';
import type { ClusterState } from '../cluster-state.js';
import type { MetadataChange, PartitionChange, PartitionMetadata } from '../metadata.js';
import { isAliveIn, isrWithout, withIsrAndLeader } from './partition-changes.js';

/** An ISR as the leader of a partition proposes it. */
export interface IsrProposal {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  /** The epochs in which the leader saw the facts behind its proposal. */
  readonly leaderEpoch: number;
  readonly partitionEpoch: number;
  /** Proposed members, the leader included. */
  readonly isr: readonly IsrMember[];
}

export interface IsrMember {
  readonly id: number;
  /** Broker epoch of the process that was seen in sync; null when it is already a member. */
  readonly brokerEpoch: number | null;
}

/**
 * Accepts the proposals that are still valid and ignores the others; their leaders propose again
 * from newer state. A proposal was accepted when the partition has the proposed ISR in the leader
 * epoch that the proposal names.
 *
 * A proposal is valid when its author is alive, leads the partition in the named leader epoch and
 * partition epoch and stays in the ISR, and every joiner is a live replica whose process is the one
 * that was seen in sync (KIP-497, KIP-841, KIP-903). A process that was restarted, perhaps on an
 * empty disk, is not.
 * @param leaderId the proposing broker
 */
export function proposeIsr(
  state: ClusterState,
  leaderId: number,
  proposals: readonly IsrProposal[],
): MetadataChange[] {
  const byTopic = new Map<string, { topicId: string; partitions: PartitionChange[] }>();
  const seen = new Set<string>();
  for (const proposal of proposals) {
    const { topic, topicId, partition } = proposal;
    const key = `${topic}-${partition}`;
    if (seen.has(key) || !isValid(state, leaderId, proposal)) continue;
    seen.add(key);
    const before = state.topics.get(topic)?.partitions[partition];
    if (before === undefined) continue;
    const after = proposedState(before, proposal);
    const topicChanges = byTopic.get(topic) ?? { topicId, partitions: [] };
    topicChanges.partitions.push({ partition, state: after });
    byTopic.set(topic, topicChanges);
  }
  return Array.from(byTopic, ([topic, { topicId, partitions }]) => ({
    kind: 'partitions' as const,
    topic,
    topicId,
    partitions,
  }));
}

/** A partition whose log on a replica is known to lack records. */
export interface IncompletePartition {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
}

/**
 * Removes a broker's own replicas from the ISRs of partitions whose logs it cannot trust; other
 * replicas lead those that it led. The last member stays in the ISR: no replica has more records.
 */
export function leaveIsrs(
  state: ClusterState,
  broker: { readonly id: number; readonly brokerEpoch: number },
  lacking: readonly IncompletePartition[],
  random: Random,
): MetadataChange[] {
  if (state.brokers.get(broker.id)?.brokerEpoch !== broker.brokerEpoch) return [];
  const isAlive = isAliveIn(state);
  const changes: MetadataChange[] = [];
  for (const { topic: name, topicId, partition } of lacking) {
    const topic = state.topics.get(name);
    const before = topic?.partitions[partition];
    if (topic?.id !== topicId || before?.isr.includes(broker.id) !== true) continue;
    const isr = isrWithout(before.isr, broker.id);
    if (isr === before.isr) continue;
    const live = before.replicas.filter((id) => id !== broker.id && isAlive(id));
    const after = withIsrAndLeader(before, topic, { isr, live, mayKeepLeader: true }, random);
    const change = { partition, state: after };
    changes.push({ kind: 'partitions', topic: name, topicId, partitions: [change] });
  }
  return changes;
}

function isValid(state: ClusterState, leaderId: number, proposal: IsrProposal): boolean {
  const topic = state.topics.get(proposal.topic);
  const partition = topic?.partitions[proposal.partition];
  if (partition === undefined || topic?.id !== proposal.topicId) return false;
  const { leader, leaderEpoch, partitionEpoch, replicas } = partition;
  if (leader !== leaderId || !isAliveIn(state)(leaderId)) return false;
  if (leaderEpoch !== proposal.leaderEpoch) return false;
  if (partitionEpoch !== proposal.partitionEpoch) return false;
  const ids = new Set(proposal.isr.map((member) => member.id));
  if (!ids.has(leaderId) || ids.size !== proposal.isr.length) return false;
  return proposal.isr.every(({ id, brokerEpoch }) => {
    if (partition.isr.includes(id)) return true;
    const joiner = state.brokers.get(id);
    return joiner?.alive === true && joiner.brokerEpoch === brokerEpoch && replicas.includes(id);
  });
}

function proposedState(before: PartitionMetadata, proposal: IsrProposal): PartitionMetadata {
  const ids = new Set(proposal.isr.map((member) => member.id));
  const isr = before.replicas.filter((id) => ids.has(id));
  return { ...before, isr, partitionEpoch: before.partitionEpoch + 1 };
}
