/**
 * Shows which brokers keep a partition, and moves it to others.
 *
 * Overlap: calls may overlap; each decision is made on the state that the store commits it on.
 */
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
import { assertBrokersHaveRoom, type ReplicaLimits } from './replica-counts.js';
import { type TopicAdmin, type TopicAdminOptions, unknownPartitionError } from './topic-admin.js';
import type { TopicRegistry } from './topic-registry.js';

/** Longest wait for a majority of the brokers to have a request on disk, in ms. */
const JOURNALED_WAIT_MS = 5000;

interface PartitionReplicasOptions extends ReplicaLimits {
  readonly store: CoordinationStore;
  readonly registry: TopicRegistry;
  readonly admin: TopicAdmin;
  readonly statusesOf: TopicAdminOptions['statusesOf'];
  readonly appliedElsewhere: TopicAdminOptions['appliedElsewhere'];
}

export class PartitionReplicas {
  readonly #options: PartitionReplicasOptions;

  constructor(options: PartitionReplicasOptions) {
    this.#options = options;
  }

  /**
   * Moves a partition to these brokers; resolves when the move is sure to continue after any
   * failure. Internal topics move like any other.
   * @throws ProtocolError as `reassignReplicas`; POLICY_VIOLATION when a broker would keep too many
   */
  async reassign(
    target: TopicPartition,
    replicas: readonly number[],
  ): Promise<PartitionDescription> {
    const { store, registry, admin, appliedElsewhere } = this.#options;
    registry.getOrThrow(target.topic);
    const { version } = await store.update((state) => {
      this.#assertRoom(state, target, replicas);
      return reassignReplicas(state, { ...target, replicas });
    });
    await store.whenJournaled(version, JOURNALED_WAIT_MS);
    await registry.settled();
    await appliedElsewhere(version);
    return admin.describePartition(target);
  }

  /** Checks the room at the brokers; `reassignReplicas` checks the replicas themselves. */
  #assertRoom(
    state: ClusterState,
    { topic, partition }: TopicPartition,
    replicas: readonly number[],
  ): void {
    const metadata = state.topics.get(topic)?.partitions[partition];
    if (metadata === undefined || isInternalTopic(topic)) return;
    const brokerIds = new Set([...metadata.replicas, ...(metadata.reassignment?.to ?? [])]);
    const added = replicas.filter((id) => !brokerIds.has(id) && state.brokers.has(id));
    assertBrokersHaveRoom(state, [added], this.#options);
  }

  /** @throws ProtocolError UNKNOWN_TOPIC_OR_PARTITION */
  async describe(target: TopicPartition): Promise<PartitionReplicasDescription> {
    const { store, statusesOf } = this.#options;
    const metadata = store.state.topics.get(target.topic)?.partitions[target.partition];
    if (metadata === undefined) throw unknownPartitionError(target);
    const statuses = await statusesOf([target], { withReplicas: true });
    const status = statuses.get(topicPartitionName(target));
    const { leader, replicas, isr } = metadata;
    const { adding, removing } = replicaMoves(metadata) ?? { adding: [], removing: [] };
    const brokerIds = [...new Set([...replicas, ...adding])];
    return {
      ...target,
      leader,
      replicas,
      isr,
      addingReplicas: adding,
      removingReplicas: removing,
      progress: brokerIds.map((broker) => progressOf(broker, status)),
    };
  }
}

/** Progress of a replica; null members are unknown to the leader in its epoch. */
function progressOf(broker: number, status: LeaderStatus | undefined): ReplicaProgress {
  const end = status?.replicas?.find((replica) => replica.broker === broker)?.logEndOffset;
  if (status === undefined || end === undefined) return { broker, logEndOffset: null, lag: null };
  return { broker, logEndOffset: end, lag: Math.max(0, status.logEndOffset - end) };
}
