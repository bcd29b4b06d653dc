/**
 * Coordination of a cluster of one broker, kept in `coordination.json` of its data directory.
 *
 * The document has the shapes that a cluster keeps in Redis, readable by hand:
 * `topics.<name>.partitions[n]` is Kafka's partition state, `{"leader":0,"leader_epoch":3,"isr":[0],…}`.
 *
 * Changes may overlap: they are done one after the other. A change is written first, then shown and
 * told to the listeners, so that nobody acts on what a crash could take back. A change whose write
 * failed is not shown; where the write's outcome is unknown the next one decides.
 */

import { join } from 'node:path';
import { ProtocolError } from '#protocol';
import { type DiskReserve, type FileSystem, type Random, SerialQueue } from '#runtime';
import type { CoordinationStore, NewBroker, NewTopic, TopicChange } from '../coordination-store.js';
import { DataDirError } from '../data-dir-error.js';
import { type DataDirIdentity, openIdentity, readIdentity } from '../data-dir-identity.js';
import { DurableJsonFile } from '../durable-json-file.js';
import type {
  BrokerRegistration,
  DeletedTopic,
  MetadataChange,
  PartitionMetadata,
  TopicMetadata,
} from '../metadata.js';
import {
  type CoordinationDocument,
  type CoordinationState,
  coordinationDocument,
  EMPTY_STATE,
  stateOf,
} from './coordination-document.js';

const FILE_NAME = 'coordination.json';
/**
 * Their logs are gone before a delete is answered; the newest are kept for the start after a crash in
 * between.
 */
const DELETED_TOPICS_KEPT = 1000;

export interface EmbeddedStoreOptions {
  readonly fileSystem: FileSystem;
  readonly random: Random;
  readonly dataDir: string;
  readonly clusterId: string;
  readonly brokerId: number;
  /** Of the disk, for what must be written down when it is full. */
  readonly reserve?: DiskReserve;
}

export class EmbeddedStore implements CoordinationStore {
  readonly kind = 'embedded';
  readonly clusterId: string;
  readonly clusterUuid: string;
  readonly #file: DurableJsonFile<CoordinationDocument>;
  readonly #random: Random;
  readonly #reserve: DiskReserve | undefined;
  readonly #changes = new SerialQueue();
  readonly #listeners = new Set<(change: MetadataChange) => void>();
  #state: CoordinationState;
  #broker: BrokerRegistration | undefined;

  private constructor(
    identity: DataDirIdentity,
    file: DurableJsonFile<CoordinationDocument>,
    { random, reserve }: EmbeddedStoreOptions,
    state: CoordinationState,
  ) {
    this.clusterId = identity.clusterId;
    this.clusterUuid = identity.clusterUuid;
    this.#file = file;
    this.#random = random;
    this.#reserve = reserve;
    this.#state = state;
  }

  /**
   * Opens the store of a data directory, or founds one in a directory that has none.
   * @throws DataDirError when the directory is another's, or a file of it cannot be read
   */
  static async open(options: EmbeddedStoreOptions): Promise<EmbeddedStore> {
    const { fileSystem, dataDir } = options;
    await fileSystem.makeDirectory(dataDir);
    const file = new DurableJsonFile<CoordinationDocument>(fileSystem, join(dataDir, FILE_NAME), 1);
    const document = await file.read();
    const identity = await readIdentity(fileSystem, dataDir);
    if (document !== undefined && identity === undefined) {
      throw new DataDirError(
        'damaged',
        `${dataDir} has ${FILE_NAME} but no meta.json: restore it from a backup.`,
      );
    }
    if (document === undefined && identity !== undefined) {
      await assertNothingWasLost(fileSystem, dataDir);
    }
    return new EmbeddedStore(
      await openIdentity(options),
      file,
      options,
      document === undefined ? EMPTY_STATE : stateOf(document),
    );
  }

  brokers(): readonly BrokerRegistration[] {
    return this.#broker === undefined ? [] : [this.#broker];
  }

  controller(): number | null {
    return this.#broker?.id ?? null;
  }

  registerBroker(broker: NewBroker): Promise<BrokerRegistration> {
    return this.#changes.run(async () => {
      const brokerEpoch = this.#state.brokerEpoch + 1;
      const topics = new Map<string, TopicMetadata>();
      for (const topic of this.#state.topics.values()) {
        topics.set(topic.name, withNewLeaderEpochs(topic, broker.id));
      }
      await this.#write({ ...this.#state, brokerEpoch, topics });
      this.#broker = { ...broker, brokerEpoch, alive: true };
      for (const topic of topics.values()) this.#tell({ kind: 'topic', topic });
      return this.#broker;
    });
  }

  topics(): Iterable<TopicMetadata> {
    return this.#state.topics.values();
  }

  topic(name: string): TopicMetadata | undefined {
    return this.#state.topics.get(name);
  }

  createTopic(newTopic: NewTopic): Promise<TopicMetadata> {
    const { name, configs, assignment } = newTopic;
    return this.#changes.run(async () => {
      if (this.#state.topics.has(name)) {
        throw new ProtocolError('TOPIC_ALREADY_EXISTS', `There is a topic "${name}" already.`);
      }
      const partitions = assignment.map(newPartition);
      const topic = { name, id: this.#random.uuid(), version: 0, configs, partitions };
      await this.#writeTopic(topic);
      return topic;
    });
  }

  alterTopic(change: TopicChange): Promise<TopicMetadata | undefined> {
    return this.#changes.run(async () => {
      const current = this.#state.topics.get(change.name);
      if (current?.id !== change.topicId || current.version !== change.expectedVersion) {
        return undefined;
      }
      const topic: TopicMetadata = {
        ...current,
        version: current.version + 1,
        configs: change.configs,
        partitions: [...current.partitions, ...change.addedAssignment.map(newPartition)],
      };
      await this.#writeTopic(topic);
      return topic;
    });
  }

  deleteTopic(name: string, topicId: string): Promise<boolean> {
    return this.#changes.run(async () => {
      if (this.#state.topics.get(name)?.id !== topicId) return false;
      const topics = new Map(this.#state.topics);
      topics.delete(name);
      const deleted = { name, id: topicId };
      const deletedTopics = [...this.#state.deletedTopics, deleted].slice(-DELETED_TOPICS_KEPT);
      await this.#write({ ...this.#state, topics, deletedTopics });
      this.#tell({ kind: 'topic-deleted', topic: deleted });
      return true;
    });
  }

  confirmPartitions(name: string, topicId: string): Promise<void> {
    return this.#changes.run(async () => {
      const current = this.#state.topics.get(name);
      if (current?.id !== topicId || !current.partitions.some((one) => one.isNew)) return;
      const partitions = current.partitions.map((one) => ({ ...one, isNew: false }));
      await this.#writeTopic({ ...current, version: current.version + 1, partitions });
    });
  }

  deletedTopics(): Iterable<DeletedTopic> {
    return this.#state.deletedTopics;
  }

  onChange(listener: (change: MetadataChange) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Resolves when the changes under way are written. */
  close(): Promise<void> {
    return this.#changes.run(() => undefined);
  }

  async #writeTopic(topic: TopicMetadata): Promise<void> {
    const topics = new Map(this.#state.topics).set(topic.name, topic);
    await this.#write({ ...this.#state, topics });
    this.#tell({ kind: 'topic', topic });
  }

  async #write(state: CoordinationState): Promise<void> {
    const next = { ...state, metadataVersion: state.metadataVersion + 1 };
    const write = (): Promise<void> => this.#file.write(coordinationDocument(next));
    await (this.#reserve === undefined ? write() : this.#reserve.run(write));
    this.#state = next;
  }

  #tell(change: MetadataChange): void {
    for (const listener of this.#listeners) listener(change);
  }
}

function newPartition(replicas: readonly number[]): PartitionMetadata {
  return {
    replicas,
    leader: replicas[0] ?? null,
    leaderEpoch: 0,
    isr: replicas,
    partitionEpoch: 0,
    isNew: true,
  };
}

function withNewLeaderEpochs(topic: TopicMetadata, brokerId: number): TopicMetadata {
  const partitions = topic.partitions.map((partition) =>
    partition.leader === brokerId
      ? {
          ...partition,
          leaderEpoch: partition.leaderEpoch + 1,
          partitionEpoch: partition.partitionEpoch + 1,
        }
      : partition,
  );
  return { ...topic, version: topic.version + 1, partitions };
}

/**
 * A directory with an identity and logs but without topics has lost its metadata. Starting on it as
 * on an empty one would hide every record in it.
 */
async function assertNothingWasLost(fileSystem: FileSystem, dataDir: string): Promise<void> {
  const entries = await fileSystem.readDirectory(dataDir);
  const log = entries.find((entry) => entry.isDirectory && /-\d+$/.test(entry.name));
  if (log === undefined) return;
  throw new DataDirError(
    'damaged',
    `${dataDir} has logs (${log.name}, ...) but no ${FILE_NAME}: restore it from a backup.`,
  );
}
