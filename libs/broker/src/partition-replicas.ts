/** Which brokers keep a partition: shows it, and has it moved to others. */
import {
  type ClusterState,
  type CoordinationStore,
  reassignReplicas,
  replicaMoves,
} from '#coordination';
import { isInternalTopic, type TopicPartition, topicPartitionName } from '#protocol';
import type {
  PartitionDescription,
  PartitionReplicasDescription,
  ReplicaProgress,
} from './broker.js';
import type { LeaderStatus } from './leader-status.js';
import { assertBrokersHaveRoom } from './replica-counts.js';
import { noPartition, type TopicAdmin, type TopicAdminOptions } from './topic-admin.js';
import type { TopicRegistry } from './topic-registry.js';

/** How long it may take until a majority of the brokers has a request on disk. */
const JOURNALED_WAIT_MS = 5000;

interface PartitionReplicasOptions {
  readonly store: CoordinationStore;
  readonly registry: TopicRegistry;
  readonly admin: TopicAdmin;
  readonly statusesOf: TopicAdminOptions['statusesOf'];
  /** Replicas that one broker keeps, without those of the cluster's own topics. */
  readonly partitionsPerBrokerMax: number;
}

export class PartitionReplicas {
  readonly #options: PartitionReplicasOptions;

  constructor(options: PartitionReplicasOptions) {
    this.#options = options;
  }

  /**
   * Has a partition move to these brokers; resolves when that is sure to go on, whatever fails.
   * Internal topics move like any other.
   * @throws ProtocolError as `reassignReplicas`; POLICY_VIOLATION where a broker would keep too
   *   many
   */
  async reassign(
    target: TopicPartition,
    replicas: readonly number[],
  ): Promise<PartitionDescription> {
    const { store, registry, admin } = this.#options;
    registry.getOrThrow(target.topic);
    const { version } = await store.update((state) => {
      this.#assertRoom(state, target, replicas);
      return reassignReplicas(state, { ...target, replicas });
    });
    await store.whenJournaled(version, JOURNALED_WAIT_MS);
    await registry.settled();
    return admin.describePartition(target);
  }

  /** What is wrong with the replicas themselves is said by `reassignReplicas`. */
  #assertRoom(
    state: ClusterState,
    { topic, partition }: TopicPartition,
    replicas: readonly number[],
  ): void {
    const present = state.topics.get(topic)?.partitions[partition];
    if (present === undefined || isInternalTopic(topic)) return;
    const kept = new Set([...present.replicas, ...(present.reassignment?.to ?? [])]);
    const added = replicas.filter((id) => !kept.has(id) && state.brokers.has(id));
    assertBrokersHaveRoom(state, [added], this.#options.partitionsPerBrokerMax);
  }

  /** @throws ProtocolError UNKNOWN_TOPIC_OR_PARTITION */
  async describe(target: TopicPartition): Promise<PartitionReplicasDescription> {
    const { store, statusesOf } = this.#options;
    const metadata = store.state.topics.get(target.topic)?.partitions[target.partition];
    if (metadata === undefined) throw noPartition(target);
    const statuses = await statusesOf([target], { withReplicas: true });
    const status = statuses.get(topicPartitionName(target));
    const { leader, replicas, isr } = metadata;
    const { adding, removing } = replicaMoves(metadata) ?? { adding: [], removing: [] };
    const kept = [...new Set([...replicas, ...adding])];
    return {
      ...target,
      leader,
      replicas,
      isr,
      addingReplicas: adding,
      removingReplicas: removing,
      progress: kept.map((broker) => progressOf(broker, status)),
    };
  }
}

/** What the leader has not heard of a replica in its epoch is not known. */
function progressOf(broker: number, status: LeaderStatus | undefined): ReplicaProgress {
  const end = status?.replicas?.find((one) => one.broker === broker)?.logEndOffset;
  if (status === undefined || end === undefined) return { broker, logEndOffset: null, lag: null };
  return { broker, logEndOffset: end, lag: Math.max(0, status.logEndOffset - end) };
}
