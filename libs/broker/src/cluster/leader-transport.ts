/** Sends batches to the leader of their partition. */
import type { AppendResult } from '#log';
import type { ProtocolError, TopicPartition } from '#protocol';
import type { Acks } from '../broker.js';
import type { Requester } from '../requester.js';
import { type LeaderCallLimits, type LeaderCalls, outcomeUnknown } from './leader-calls.js';

export interface LeaderAppend extends TopicPartition {
  readonly topicId: string;
  readonly acks: Acks;
  /** Batches that all have a producer id, in the order of their sequences, or all have none. */
  readonly batches: readonly Buffer[];
  /** All who have a record in the batches; absent while authentication is off. */
  readonly callers?: readonly Requester[];
}

/** The outcome of one batch. */
export type BatchAppended =
  | { readonly result: AppendResult; readonly error?: undefined }
  | { readonly result?: undefined; readonly error: ProtocolError };

/** Appends batches at a leader: this broker itself, or a peer. */
export interface LeaderTransport {
  /**
   * Appends batches; stamps offsets into their bytes where the leader is this broker.
   * @param timeoutMs time in ms for which an answer is useful
   * @throws NotLeaderError where nothing was appended; ProtocolError; PeerUnreachableError
   */
  append(append: LeaderAppend, timeoutMs: number): Promise<readonly BatchAppended[]>;
}

interface LeaderTransports {
  readonly leaders: Pick<LeaderCalls, 'call'>;
  readonly local: LeaderTransport;
  readonly peer: (brokerId: number) => LeaderTransport;
}

/** Appends at the current leader of the partition, and again at a new leader; see `LeaderCalls`. */
export function appendAtLeader(
  { leaders, local, peer }: LeaderTransports,
  append: LeaderAppend,
  limits: LeaderCallLimits,
): Promise<readonly BatchAppended[]> {
  return leaders.call(
    append,
    {
      here: ({ isRepeated, timeoutMs }) =>
        local.append(isRepeated ? copyOf(append) : append, timeoutMs),
      there: (leader, timeoutMs) => peer(leader).append(append, timeoutMs),
      inDoubt: withoutProof,
    },
    limits,
  );
}

/**
 * Answers after an attempt that may have written the batches. That the leader does not know the
 * sequence of the first batch proves that none of them is in its log (replication-safety 3.6); no
 * other refusal does.
 */
function withoutProof(appended: readonly BatchAppended[]): readonly BatchAppended[] {
  if (appended[0]?.error?.code === 'OUT_OF_ORDER_SEQUENCE_NUMBER') return appended;
  return appended.map((one) =>
    one.error === undefined ? one : { error: outcomeUnknown(one.error) },
  );
}

/**
 * The bytes of an earlier attempt may be in this broker's log, or in a call to another one: only a
 * copy may be stamped.
 */
function copyOf(append: LeaderAppend): LeaderAppend {
  return { ...append, batches: append.batches.map((bytes) => Buffer.from(bytes)) };
}
