/** Decisions about partition leaders: after a broker died, returned, or is preferred. */
import { ProtocolError, type TopicPartition } from '#protocol';
import type { Random } from '#runtime';
import type { ClusterState } from '../cluster-state.js';
import type { MetadataChange, PartitionMetadata, TopicMetadata } from '../metadata.js';
import {
  changePartitions,
  inNewLeaderEpoch,
  isAliveIn,
  isrWithout,
  withIsrAndLeader,
} from './partition-changes.js';

/** One process of a broker: a later one with the same id has a higher epoch. */
export interface BrokerProcess {
  readonly id: number;
  readonly brokerEpoch: number;
}

/**
 * Declares a broker dead whose lease has expired: it leaves every ISR (except as the last member),
 * and other replicas lead its partitions. Changes nothing when another process has the id, or the
 * broker is already dead.
 */
export function brokerDied(
  state: ClusterState,
  broker: BrokerProcess,
  random: Random,
): MetadataChange[] {
  return withdrawn(state, broker, random);
}

/**
 * Withdraws a broker before it stops, in one commit: other replicas lead its partitions, and it
 * leaves every ISR that has another member, so that no producer waits for it.
 *
 * A partition without another live in-sync replica has no leader then.
 */
export function controlledShutdown(
  state: ClusterState,
  broker: BrokerProcess,
  random: Random,
): MetadataChange[] {
  return withdrawn(state, broker, random);
}

/** Elects leaders where there is none and an in-sync replica is alive again. */
export function electLeaders(state: ClusterState, random: Random): MetadataChange[] {
  const isAlive = isAliveIn(state);
  return changePartitions(state, (partition, topic) => {
    if (partition.leader !== null) return partition;
    const live = partition.replicas.filter(isAlive);
    return withIsrAndLeader(
      partition,
      topic,
      { isr: partition.isr, live, mayKeepLeader: true },
      random,
    );
  });
}

/**
 * Makes preferred leaders lead their partitions, where they are alive and in sync.
 * @param targets the partitions; undefined: all
 */
export function electPreferredLeaders(
  state: ClusterState,
  targets: readonly TopicPartition[] | undefined,
  random: Random,
): MetadataChange[] {
  const isAlive = isAliveIn(state);
  const isTarget = targetFilter(targets);
  return changePartitions(state, (partition, topic, number) => {
    const [preferred] = partition.replicas;
    if (preferred === undefined || preferred === partition.leader) return partition;
    if (!isTarget(topic, number)) return partition;
    if (!isAlive(preferred) || !partition.isr.includes(preferred)) return partition;
    return inNewLeaderEpoch(partition, preferred, random);
  });
}

/** A request to elect an out-of-sync replica: the operator accepts the loss of records. */
export interface UncleanElection extends TopicPartition {
  /** Id of the replica to elect; undefined: the first live one. */
  readonly replica?: number;
}

/**
 * Elects a live replica that need not be in sync, alone in the ISR. A live in-sync replica is
 * elected cleanly instead, unless another one was named. Changes nothing when the partition has a
 * leader.
 * @throws ProtocolError UNKNOWN_TOPIC_OR_PARTITION; BROKER_NOT_AVAILABLE when no replica, or not
 *   the named one, is alive; INVALID_REQUEST when the named broker has no replica
 */
export function electUncleanly(
  state: ClusterState,
  { topic: name, partition: number, replica }: UncleanElection,
  random: Random,
): MetadataChange[] {
  const topic = state.topics.get(name);
  const partition = topic?.partitions[number];
  if (topic === undefined || partition === undefined) {
    const detail = `There is no partition ${number} of topic "${name}".`;
    throw new ProtocolError('UNKNOWN_TOPIC_OR_PARTITION', detail);
  }
  if (replica !== undefined && !partition.replicas.includes(replica)) {
    const detail = `Broker ${replica} keeps no replica of partition ${number} of topic "${name}".`;
    throw new ProtocolError('INVALID_REQUEST', detail);
  }
  if (partition.leader !== null) return [];
  const live = partition.replicas.filter(isAliveIn(state));
  const leader = replica ?? live.find((id) => partition.isr.includes(id)) ?? live[0];
  if (leader === undefined || !live.includes(leader)) {
    const detail = `No replica that could lead partition ${number} of topic "${name}" is alive.`;
    throw new ProtocolError('BROKER_NOT_AVAILABLE', detail);
  }
  const isr = partition.isr.includes(leader) ? partition.isr : [leader];
  const change = {
    partition: number,
    state: inNewLeaderEpoch({ ...partition, isr }, leader, random),
  };
  return [{ kind: 'partitions', topic: name, topicId: topic.id, partitions: [change] }];
}

function withdrawn(
  state: ClusterState,
  { id, brokerEpoch }: BrokerProcess,
  random: Random,
): MetadataChange[] {
  const broker = state.brokers.get(id);
  if (broker?.brokerEpoch !== brokerEpoch || !broker.alive) return [];
  const isAlive = isAliveIn(state);
  const withdraw = (partition: PartitionMetadata, topic: TopicMetadata): PartitionMetadata => {
    if (!partition.isr.includes(id)) return partition;
    const isr = isrWithout(partition.isr, id);
    const live = partition.replicas.filter((other) => other !== id && isAlive(other));
    return withIsrAndLeader(partition, topic, { isr, live, mayKeepLeader: true }, random);
  };
  return [
    { kind: 'broker', broker: { ...broker, alive: false } },
    ...changePartitions(state, withdraw),
  ];
}

function targetFilter(
  targets: readonly TopicPartition[] | undefined,
): (topic: TopicMetadata, partition: number) => boolean {
  if (targets === undefined) return () => true;
  const requestedPartitions = new Map<string, Set<number>>();
  for (const { topic, partition } of targets) {
    requestedPartitions.set(topic, (requestedPartitions.get(topic) ?? new Set()).add(partition));
  }
  return (topic, partition) => requestedPartitions.get(topic.name)?.has(partition) === true;
}
