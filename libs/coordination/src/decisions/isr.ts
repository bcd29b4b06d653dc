/** Decisions of leaders, and of replicas about themselves, about who is in sync. */
import type { Random } from '#runtime';
import type { ClusterState } from '../cluster-state.js';
import type { MetadataChange, PartitionChange, PartitionMetadata } from '../metadata.js';
import { aliveIn, isrWithout, settled } from './partition-changes.js';

/** An ISR as a partition's leader wants it. */
export interface IsrProposal {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  /** The epochs in which the leader saw what it concludes from. */
  readonly leaderEpoch: number;
  readonly partitionEpoch: number;
  /** The leader itself among them. */
  readonly isr: readonly IsrMember[];
}

export interface IsrMember {
  readonly id: number;
  /** Of the process that was seen in sync; null where it is a member already. */
  readonly brokerEpoch: number | null;
}

/**
 * Takes the proposals that still hold; the others are left out, and their leaders propose again
 * from what they see then. A proposal was taken when the partition has, in the leader epoch it
 * named, the ISR that it wanted.
 *
 * It holds when its maker leads the partition, alive, in the leader epoch and the partition epoch
 * that it names, stays in the ISR, and every joiner is a live replica whose process is the one that
 * was seen in sync (KIP-497, KIP-841, KIP-903): one that was started again, maybe on an empty disk,
 * is not.
 * @param leaderId who proposes
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
    if (seen.has(key) || !holds(state, leaderId, proposal)) continue;
    seen.add(key);
    const before = state.topics.get(topic)?.partitions[partition];
    if (before === undefined) continue;
    const after = proposedState(before, proposal);
    const ofTopic = byTopic.get(topic) ?? { topicId, partitions: [] };
    ofTopic.partitions.push({ partition, state: after });
    byTopic.set(topic, ofTopic);
  }
  return Array.from(byTopic, ([topic, { topicId, partitions }]) => ({
    kind: 'partitions' as const,
    topic,
    topicId,
    partitions,
  }));
}

/** A partition of which a replica knows that its own log lacks records. */
export interface LackingPartition {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
}

/**
 * Takes a broker's own replicas out of the ISRs of partitions whose logs it cannot trust; those
 * that it led are led by others. As the last member it stays: nobody has more.
 */
export function leaveIsrs(
  state: ClusterState,
  broker: { readonly id: number; readonly brokerEpoch: number },
  lacking: readonly LackingPartition[],
  random: Random,
): MetadataChange[] {
  if (state.brokers.get(broker.id)?.brokerEpoch !== broker.brokerEpoch) return [];
  const isAlive = aliveIn(state);
  const changes: MetadataChange[] = [];
  for (const { topic: name, topicId, partition } of lacking) {
    const topic = state.topics.get(name);
    const before = topic?.partitions[partition];
    if (topic?.id !== topicId || before?.isr.includes(broker.id) !== true) continue;
    const isr = isrWithout(before.isr, broker.id);
    if (isr === before.isr) continue;
    const live = before.replicas.filter((id) => id !== broker.id && isAlive(id));
    const after = settled(before, topic, { isr, live, mayKeepLeader: true }, random);
    const change = { partition, state: after };
    changes.push({ kind: 'partitions', topic: name, topicId, partitions: [change] });
  }
  return changes;
}

function holds(state: ClusterState, leaderId: number, proposal: IsrProposal): boolean {
  const topic = state.topics.get(proposal.topic);
  const partition = topic?.partitions[proposal.partition];
  if (partition === undefined || topic?.id !== proposal.topicId) return false;
  const { leader, leaderEpoch, partitionEpoch, replicas } = partition;
  if (leader !== leaderId || !aliveIn(state)(leaderId)) return false;
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
