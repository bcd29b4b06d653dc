/**
 * Confirms that this broker still leads a partition, by asking the coordination store. A broker
 * that was paused, or hears of an election late, takes itself for the leader of an epoch that is
 * over: its log may lack records that the next leader has acknowledged. It may therefore not say
 * that an offset does not exist.
 *
 * Overlap: calls may overlap. One question is with the store at a time; all calls that come
 * meanwhile share the next one, so requests for wrong offsets do not multiply the store's work.
 */
import type { CoordinationStore } from '#coordination';
import { type LeaderEpoch, ProtocolError, type TopicPartition } from '#protocol';
import { NotLeaderError, type PartitionTable } from '#replication';

/** Longest wait for the store's answer, in ms. */
const ANSWER_MS = 1000;

interface LeadershipCheckOptions {
  readonly store: Pick<CoordinationStore, 'state' | 'isShared' | 'renewLease'>;
  readonly replicas: { readonly table: Pick<PartitionTable, 'leaderOrThrow'> };
  readonly brokerId: number;
  readonly brokerEpoch: () => number;
}

export class LeadershipCheck {
  readonly #options: LeadershipCheckOptions;
  #current: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(options: LeadershipCheckOptions) {
    this.#options = options;
  }

  /**
   * Does a request as the leader of a partition. Its error OFFSET_OUT_OF_RANGE is passed on only
   * when this broker led in the same epoch after the error was found.
   * @throws NotLeaderError when another epoch has begun; ProtocolError LEADER_NOT_AVAILABLE when
   *   the store does not answer; the errors of `request`
   */
  atLeader<T>(target: TopicPartition, request: () => Promise<T>): Promise<T> {
    const { leaderEpoch } = this.#options.replicas.table.leaderOrThrow(target);
    return request().catch(async (error: unknown) => {
      if (isOutOfRange(error)) await this.#confirm(target, leaderEpoch);
      throw error;
    });
  }

  /**
   * Resolves when the metadata known here is as new as the store's at the time of the call.
   * @returns the version of the metadata that is known then
   * @throws ProtocolError LEADER_NOT_AVAILABLE when the store does not answer
   */
  async refresh(): Promise<number> {
    const { store } = this.#options;
    if (!store.isShared) return store.state.version;
    this.#next ??= this.#ask();
    try {
      await this.#next;
      return store.state.version;
    } catch (error) {
      throw new ProtocolError(
        'LEADER_NOT_AVAILABLE',
        'The store does not confirm now which broker leads the partition.',
        { cause: error },
      );
    }
  }

  async #confirm({ topic, partition }: TopicPartition, leaderEpoch: LeaderEpoch): Promise<void> {
    const { store, brokerId } = this.#options;
    if (!store.isShared) return;
    await this.refresh();
    const metadata = store.state.topics.get(topic)?.partitions[partition];
    if (metadata?.leader === brokerId && metadata.leaderEpoch === leaderEpoch) return;
    const newestEpoch = metadata?.leaderEpoch ?? leaderEpoch;
    throw new NotLeaderError('NOT_LEADER_OR_FOLLOWER', metadata?.leader ?? null, newestEpoch);
  }

  /** Asks once the question before this one is answered. */
  async #ask(): Promise<void> {
    await this.#current?.catch(() => undefined);
    this.#current = this.#next;
    this.#next = undefined;
    const { store, brokerId, brokerEpoch } = this.#options;
    // The answer to a renewal is the version of the metadata, with which this broker catches up.
    await store.renewLease({ brokerId, brokerEpoch: brokerEpoch() }, ANSWER_MS);
  }
}

function isOutOfRange(error: unknown): boolean {
  return error instanceof ProtocolError && error.code === 'OFFSET_OUT_OF_RANGE';
}
