import type {
  BrokerLease,
  ClusterState,
  CoordinationStore,
  Decision,
  MetadataChange,
} from '#coordination';
import { ProtocolError } from '#protocol';

type Listener = (change: MetadataChange, state: ClusterState) => void;

/**
 * One broker's sight of the store that all brokers of a test share. It can be cut off: then it sees
 * none of the changes of others, and cannot change anything. It can be behind: then it sees them at
 * its next renewal of the lease.
 */
export class SharedStoreClient
  implements
    Pick<
      CoordinationStore,
      | 'state'
      | 'dataDirUuid'
      | 'isShared'
      | 'journaledVersion'
      | 'update'
      | 'whenJournaled'
      | 'onChange'
      | 'renewLease'
    >
{
  readonly isShared = true;
  readonly dataDirUuid: string;
  state: ClusterState;
  /** Newest version of the metadata on this broker's disk; unbounded unless set. */
  journaledVersionMax = Number.POSITIVE_INFINITY;
  /** True when no majority has anything on disk, as this broker hears it. */
  isJournaledByFew = false;
  /** Number of times that the majority's journals were waited for. */
  looksAtJournals = 0;
  /** True when changes are made and their replies lost. */
  losesReplies = false;
  /** Renewals of the lease that were asked for. */
  renewals = 0;
  #isCut = false;
  #isBehind = false;
  #unseen: { readonly change: MetadataChange; readonly state: ClusterState }[] = [];
  readonly #listeners = new Set<Listener>();
  readonly #stopListening: () => void;
  readonly #store: CoordinationStore;

  constructor(store: CoordinationStore, dataDirUuid = store.dataDirUuid) {
    this.#store = store;
    this.dataDirUuid = dataDirUuid;
    this.state = store.state;
    this.#stopListening = store.onChange((change, state) => {
      this.#unseen.push({ change, state });
      if (!this.#isCut && !this.#isBehind) this.#see();
    });
  }

  get journaledVersion(): number {
    return Math.min(this.state.version, this.journaledVersionMax);
  }

  async update(decide: Decision): Promise<ClusterState> {
    if (this.#isCut) throw away('failed');
    // A change whose reply is lost is not notified either: the connection is broken.
    if (this.losesReplies) this.cut();
    const state = await this.#store.update(decide);
    if (this.losesReplies) throw away('unknown');
    return state;
  }

  whenJournaled(version: number, timeoutMs: number): Promise<void> {
    this.looksAtJournals += 1;
    if (this.#isCut || this.isJournaledByFew) return Promise.reject(away('unknown'));
    return this.#store.whenJournaled(version, timeoutMs);
  }

  onChange(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async renewLease(lease: BrokerLease, timeoutMs: number): Promise<void> {
    this.renewals += 1;
    if (this.#isCut) throw away('failed');
    await this.#store.renewLease(lease, timeoutMs);
    this.#see();
  }

  cut(): void {
    this.#isCut = true;
  }

  /** Changes of others are seen late: at the next renewal of the lease. */
  fallBehind(): void {
    this.#isBehind = true;
  }

  heal(): void {
    this.#isCut = false;
    this.#isBehind = false;
    this.#see();
  }

  /**
   * Replaces the changes that were missed by the whole state: a topic that it did not know shows
   * only how it is now.
   */
  readWhole(): void {
    const known = this.state.topics;
    const { state } = this.#store;
    this.#unseen = [...state.topics.values()]
      .filter(({ name, id }) => known.get(name)?.id !== id)
      .map((topic) => ({ change: { kind: 'topic', topic }, state }));
  }

  close(): void {
    this.#listeners.clear();
    this.#stopListening();
  }

  #see(): void {
    for (const { change, state } of this.#unseen.splice(0)) {
      this.state = state;
      for (const listener of this.#listeners) listener(change, state);
    }
  }
}

function away(outcome: 'failed' | 'unknown'): ProtocolError {
  return new ProtocolError('BROKER_NOT_AVAILABLE', 'The store is away.', { outcome });
}
