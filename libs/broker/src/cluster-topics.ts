import type { CoordinationStore, TopicMetadata } from '#coordination';
import type { TopicDirectory, TopicView } from '#groups';
import type { Partition } from '#replication';
import type { Topic } from './topic.js';

interface ClusterTopicsOptions {
  readonly store: Pick<CoordinationStore, 'state'>;
  /** The topic whose partitions are open at this broker. */
  readonly openTopic: (name: string) => Topic | undefined;
  readonly ensureOffsetsTopic: () => Promise<void>;
}

/**
 * The topics of the cluster as coordinators of groups see them: those that the metadata names, also
 * while their partitions are not open at this broker. A coordinator that begins its work while the
 * broker starts must not take a topic for deleted: it would remove the offsets of its groups.
 *
 * Overlap: calls may overlap.
 */
export class ClusterTopics implements TopicDirectory {
  readonly #options: ClusterTopicsOptions;
  readonly #views = new WeakMap<TopicMetadata, TopicView>();

  constructor(options: ClusterTopicsOptions) {
    this.#options = options;
  }

  topic(name: string): TopicView | undefined {
    const metadata = this.#options.store.state.topics.get(name);
    if (metadata === undefined) return undefined;
    const known = this.#views.get(metadata);
    if (known !== undefined) return known;
    const view = this.#view(metadata);
    this.#views.set(metadata, view);
    return view;
  }

  names(): Iterable<string> {
    return this.#options.store.state.topics.keys();
  }

  ensureOffsetsTopic(): Promise<void> {
    return this.#options.ensureOffsetsTopic();
  }

  #view(metadata: TopicMetadata): TopicView {
    const { name, id, partitions, configs, queueGroups = [] } = metadata;
    const { openTopic } = this.#options;
    return {
      id,
      partitionCount: partitions.length,
      leaderEpochs: partitions.map(({ leaderEpoch }) => leaderEpoch),
      isDeletedOnAck: configs['sluice.delete.on.ack'] === 'true',
      queueGroups,
      ledPartition: (partition): Partition | undefined => {
        const topic = openTopic(name);
        return topic?.id === id ? topic.ledPartition(partition) : undefined;
      },
    };
  }
}
