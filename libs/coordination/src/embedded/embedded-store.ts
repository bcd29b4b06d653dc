/**
 * Coordination of a cluster of one broker, stored in `coordination.json` of its data directory.
 *
 * The document has the shapes that a cluster has in Redis, readable by hand:
 * `topics.<name>.partitions[n]` is Kafka's partition state,
 * `{"leader":0,"leader_epoch":3,"isr":[0],…}`.
 *
 * Overlap: all calls may overlap; a serial queue runs updates one after the other. A change is
 * written first, then shown and passed to the listeners, so that nothing acts on a change that a
 * crash could revert. A change whose write failed is not shown; where the outcome of the write is
 * unknown, the next write decides it.
 */

import { join } from 'node:path';
import {
  DataDirError,
  type DiskReserve,
  type FileSystem,
  type Random,
  SerialQueue,
} from '#runtime';
import { applyCommit, type ClusterState, EMPTY_CLUSTER } from '../cluster-state.js';
import type { CoordinationStore, Decision, MetadataListener } from '../coordination-store.js';

import { type DataDirIdentity, openIdentity, readIdentity } from '../data-dir-identity.js';
import { DurableJsonFile } from '../durable-json-file.js';
import { JOURNAL_FILE_NAME } from '../journal-file-name.js';
import type { BrokerLease, LeaseRenewer, LeaseRenewerOptions } from '../lease/lease-renewer.js';
import { LoopLeaseRenewer } from '../lease/loop-lease-renewer.js';
import { hasLeaseEnded, leaseEndedError } from '../lease-end.js';
import { stateOf } from '../state-document.js';
import { type CoordinationDocument, coordinationDocument } from './coordination-document.js';

const FILE_NAME = 'coordination.json';

export interface EmbeddedStoreOptions {
  readonly fileSystem: FileSystem;
  readonly random: Random;
  readonly dataDir: string;
  readonly clusterId: string;
  readonly brokerId: number;
  /** The reserve of the disk, for writes that must succeed when the disk is full. */
  readonly reserve?: DiskReserve;
}

export class EmbeddedStore implements CoordinationStore {
  readonly kind = 'embedded';
  readonly isShared = false;
  readonly clusterId: string;
  readonly clusterUuid: string;
  readonly dataDirUuid: string;
  /** Always true: there is no remote store. */
  readonly isAvailable = true;
  readonly fault = undefined;
  readonly #file: DurableJsonFile<CoordinationDocument>;
  readonly #random: Random;
  readonly #reserve: DiskReserve | undefined;
  readonly #updates = new SerialQueue();
  readonly #listeners = new Set<MetadataListener>();
  readonly #leases = new Map<number, string>();
  #renewals = 0;
  #state: ClusterState;

  private constructor(
    identity: DataDirIdentity,
    file: DurableJsonFile<CoordinationDocument>,
    { random, reserve }: EmbeddedStoreOptions,
    state: ClusterState,
  ) {
    this.clusterId = identity.clusterId;
    this.clusterUuid = identity.clusterUuid;
    this.dataDirUuid = identity.dataDirUuid;
    this.#file = file;
    this.#random = random;
    this.#reserve = reserve;
    this.#state = state;
  }

  /**
   * Opens the store of a data directory, or founds a cluster in a directory that has none.
   * @throws DataDirError when the directory belongs to another owner or to a broker of a cluster in
   *   Redis, or a file of it cannot be read
   */
  static async open(options: EmbeddedStoreOptions): Promise<EmbeddedStore> {
    const { fileSystem, dataDir } = options;
    await fileSystem.makeDirectory(dataDir);
    if ((await fileSystem.fileSize(join(dataDir, JOURNAL_FILE_NAME))) !== undefined) {
      throw new DataDirError(
        'foreign',
        `${dataDir} belongs to a broker of a cluster in Redis: it cannot be a cluster of its own.`,
      );
    }
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
      document === undefined ? EMPTY_CLUSTER : stateOf(document),
    );
  }

  get state(): ClusterState {
    return this.#state;
  }

  get journaledVersion(): number {
    return this.#state.version;
  }

  update(decide: Decision): Promise<ClusterState> {
    return this.#updates.run(async () => {
      const before = this.#state;
      const changes = decide(before);
      if (changes.length === 0) return before;
      const version = before.version + 1;
      const changeId = this.#random.uuid();
      const previousChangeId = before.changeId;
      const after = applyCommit(before, { version, changeId, previousChangeId, changes });
      await this.#write(after);
      this.#state = after;
      for (const change of changes) {
        for (const listener of this.#listeners) listener(change, after);
      }
      return after;
    });
  }

  onChange(listener: MetadataListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  // oxlint-disable-next-line typescript/require-await -- other implementations of the port wait
  async renewLease({ brokerId, brokerEpoch }: BrokerLease): Promise<void> {
    const existing = this.#leases.get(brokerId);
    const isReplaced = existing !== undefined && Number(existing.split(' ', 1)[0]) > brokerEpoch;
    if (isReplaced || hasLeaseEnded(this.#state, { brokerId, brokerEpoch })) {
      throw leaseEndedError(brokerId);
    }
    this.#renewals += 1;
    this.#leases.set(brokerId, `${brokerEpoch} ${this.#renewals}`);
  }

  leaseRenewer(options: LeaseRenewerOptions): LeaseRenewer {
    return new LoopLeaseRenewer({ ...options, store: this });
  }

  // oxlint-disable-next-line typescript/require-await -- other implementations of the port wait
  async leases(): Promise<ReadonlyMap<number, string>> {
    return new Map(this.#leases);
  }

  /** Resolves at once: the only member has everything on disk. */
  whenJournaled(): Promise<void> {
    return Promise.resolve();
  }

  /** Resolves when the updates in progress are written. */
  close(): Promise<void> {
    return this.#updates.run(() => undefined);
  }

  async #write(state: ClusterState): Promise<void> {
    const write = (): Promise<void> => this.#file.write(coordinationDocument(state));
    await (this.#reserve === undefined ? write() : this.#reserve.run(write));
  }
}

/**
 * State that an embedded store has left in a directory; undefined when there is none.
 * @throws DataDirError
 */
export async function readEmbeddedState(
  fileSystem: FileSystem,
  dataDir: string,
): Promise<ClusterState | undefined> {
  const path = join(dataDir, FILE_NAME);
  const document = await new DurableJsonFile<CoordinationDocument>(fileSystem, path, 1).read();
  return document === undefined ? undefined : stateOf(document);
}

/**
 * Refuses a directory that has an identity and logs but no topics: it has lost its metadata. A
 * start as on an empty directory would hide every record in it.
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
