/**
 * Appends batches as the leader of their partition: for this broker's own clients and for those of the
 * brokers that forward to it.
 */
import type { AppendResult } from '#log';
import { ProtocolError, type TopicPartition } from '#protocol';
import { NotLeaderError, type Partition, type ReplicaManager } from '#replication';
import type { Acks } from '../broker.js';
import { notEnoughReplicas } from '../not-enough-replicas.js';

export interface LeaderAppend extends TopicPartition {
  readonly topicId: string;
  readonly acks: Acks;
  /** Each a batch with a producer id, in the order of their sequences. */
  readonly batches: readonly Buffer[];
}

const OUT_OF_ORDER = 'OUT_OF_ORDER_SEQUENCE_NUMBER';

/** What became of one batch. */
export type BatchAppended =
  | { readonly result: AppendResult; readonly error?: undefined }
  | { readonly result?: undefined; readonly error: ProtocolError };

interface LeaderAppendsOptions {
  readonly replicas: Pick<ReplicaManager, 'leaderOrThrow'>;
  /** Whether this broker may take itself for a leader without asking its followers (rule 4.4). */
  readonly isLeaseValid: () => boolean;
}

export class LeaderAppends {
  readonly #options: LeaderAppendsOptions;

  constructor(options: LeaderAppendsOptions) {
    this.#options = options;
  }

  /**
   * Appends the batches one behind the other, and with acks=all waits until all of them are committed.
   * While the lease is not known to be valid acks=1 waits, too: only the followers can tell then
   * whether this broker still leads. Nor is a sequence refused then: another leader's log may have those
   * before it.
   * @returns what became of each batch, in their order
   * @throws NotLeaderError, ProtocolError NOT_ENOUGH_REPLICAS, where nothing was appended;
   *   LEADER_NOT_AVAILABLE or NOT_ENOUGH_REPLICAS_AFTER_APPEND, outcome unknown, afterwards
   */
  async append(append: LeaderAppend): Promise<BatchAppended[]> {
    const partition = this.#leader(append);
    if (append.acks === 'all' && !partition.hasEnoughReplicas()) throw notEnoughReplicas(partition);
    const appended = await appendAll(partition, append.batches);
    if (!this.#options.isLeaseValid()) assertNoneOutOfOrder(appended);
    const waits = append.acks === 'all' || !this.#options.isLeaseValid();
    const endOffset = Math.max(0, ...appended.map(({ result }) => (result?.lastOffset ?? -1) + 1));
    if (waits && endOffset > partition.highWatermark) await committed(partition, endOffset);
    return appended;
  }

  #leader({ topic, topicId, partition: number }: LeaderAppend): Partition {
    const partition = this.#options.replicas.leaderOrThrow({ topic, partition: number });
    if (partition.topicId === topicId) return partition;
    // The topic was deleted and made again: one of the two brokers has not heard of it yet.
    throw new NotLeaderError('NOT_LEADER_OR_FOLLOWER', null, partition.leaderEpoch);
  }
}

async function appendAll(
  partition: Partition,
  batches: readonly Buffer[],
): Promise<BatchAppended[]> {
  try {
    return await Promise.all(batches.map((bytes) => appendOne(partition, bytes)));
  } catch (error) {
    // Of one batch nothing was appended; of several, those before it may have been.
    if (batches.length === 1) throw error;
    throw leadershipLost(error);
  }
}

async function appendOne(partition: Partition, bytes: Buffer): Promise<BatchAppended> {
  try {
    return { result: await partition.append([bytes]) };
  } catch (error) {
    if (error instanceof ProtocolError && error.code !== 'LEADER_NOT_AVAILABLE') return { error };
    throw error;
  }
}

/** @throws ProtocolError LEADER_NOT_AVAILABLE, with the outcome of the batches before */
function assertNoneOutOfOrder(appended: readonly BatchAppended[]): void {
  const outOfOrder = appended.findIndex(({ error }) => error?.code === OUT_OF_ORDER);
  if (outOfOrder < 0) return;
  const detail =
    'Whether this broker still leads is not known, and the sequence does not fit its log.';
  const { error: cause } = appended[outOfOrder] ?? {};
  const outcome = outOfOrder === 0 ? 'failed' : 'unknown';
  throw new ProtocolError('LEADER_NOT_AVAILABLE', detail, { cause, outcome });
}

async function committed(partition: Partition, endOffset: number): Promise<void> {
  try {
    await partition.whenCommitted(endOffset);
  } catch (error) {
    throw error instanceof NotLeaderError ? leadershipLost(error) : error;
  }
}

function leadershipLost(cause: unknown): ProtocolError {
  const detail = 'Leadership moved before the records were committed.';
  return new ProtocolError('LEADER_NOT_AVAILABLE', detail, { cause, outcome: 'unknown' });
}
