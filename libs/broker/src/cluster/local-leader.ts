/**
 * This broker as the leader of partitions: appends batches for its own clients, and for those of
 * the brokers that forward to it.
 */
import { RecordBatch } from '#log';
import { ProtocolError } from '#protocol';
import { NotLeaderError, type Partition, type PartitionTable } from '#replication';
import type { Acks } from '../broker.js';
import { notEnoughReplicasError } from '../not-enough-replicas.js';
import type { BatchAppended, LeaderAppend, LeaderTransport } from './leader-transport.js';

const OUT_OF_ORDER = 'OUT_OF_ORDER_SEQUENCE_NUMBER';

interface LocalLeaderOptions {
  readonly replicas: Pick<PartitionTable, 'leaderOrThrow'>;
  /** True when this broker may take itself for a leader without asking its followers (rule 4.4). */
  readonly isLeaseValid: () => boolean;
}

export class LocalLeader implements LeaderTransport {
  readonly #options: LocalLeaderOptions;

  constructor(options: LocalLeaderOptions) {
    this.#options = options;
  }

  /**
   * Appends batches, and with acks=all waits until all of them are committed: those with a producer
   * id each by itself, one after the other, those without one all together. While the lease is not
   * known to be valid acks=1 waits, too: only the followers then know whether this broker still
   * leads. Nor is a sequence refused then: another leader's log may have those before it.
   * @returns what became of each batch, in their order; one result for all that have no producer id
   * @throws NotLeaderError, ProtocolError NOT_ENOUGH_REPLICAS, where nothing was appended;
   *   LEADER_NOT_AVAILABLE or NOT_ENOUGH_REPLICAS_AFTER_APPEND, outcome unknown, afterwards
   */
  append(append: LeaderAppend): Promise<readonly BatchAppended[]> {
    let partition: Partition;
    try {
      partition = this.#leader(append);
      const isRefused = append.acks === 'all' && !partition.hasEnoughReplicas();
      if (isRefused) throw notEnoughReplicasError(partition);
    } catch (error) {
      return Promise.reject(error);
    }
    const { acks, batches } = append;
    if (!areAppendedTogether(batches)) {
      return appendApart(partition, batches).then((all) => this.#appended(partition, acks, all));
    }
    return partition.append(batches).then(
      (result) => this.#appended(partition, acks, [{ result }]),
      (error: unknown) => this.#appended(partition, acks, [refusalOf(error)]),
    );
  }

  /** Hot: no further promise where everything is committed, as it is where there is no follower. */
  #appended(
    partition: Partition,
    acks: Acks,
    appended: readonly BatchAppended[],
  ): readonly BatchAppended[] | Promise<readonly BatchAppended[]> {
    let endOffset = 0;
    let isRefused = false;
    for (const { result } of appended) {
      if (result === undefined) isRefused = true;
      else endOffset = Math.max(endOffset, result.lastOffset + 1);
    }
    if (isRefused && !this.#options.isLeaseValid()) assertNoneOutOfOrder(appended);
    if (endOffset <= partition.highWatermark) return appended;
    const waits = acks === 'all' || !this.#options.isLeaseValid();
    return waits ? committed(partition, endOffset).then(() => appended) : appended;
  }

  #leader({ topic, topicId, partition: number }: LeaderAppend): Partition {
    const partition = this.#options.replicas.leaderOrThrow({ topic, partition: number });
    if (partition.topicId === topicId) return partition;
    // The topic was deleted and made again: one of the two brokers has not heard of it yet.
    throw new NotLeaderError('NOT_LEADER_OR_FOLLOWER', null, partition.leaderEpoch);
  }
}

function areAppendedTogether(batches: readonly Buffer[]): boolean {
  const [first] = batches;
  return batches.length === 1 || (first !== undefined && new RecordBatch(first).producerId < 0);
}

async function appendApart(
  partition: Partition,
  batches: readonly Buffer[],
): Promise<BatchAppended[]> {
  try {
    return await Promise.all(
      batches.map((bytes) => partition.append([bytes]).then((result) => ({ result }), refusalOf)),
    );
  } catch (error) {
    // Batches before the one that was refused may have been appended.
    throw leadershipLost(error);
  }
}

/** The log's refusal as an answer. Throws the errors that say that this broker does not lead. */
function refusalOf(error: unknown): BatchAppended {
  if (error instanceof ProtocolError && error.code !== 'LEADER_NOT_AVAILABLE') return { error };
  throw error;
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
