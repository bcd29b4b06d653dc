/**
 * Reads records of several partitions for one poll, wherever their leaders are, within bounds of
 * records and bytes. Partitions that cannot be read now are left out: the others are served.
 *
 * Overlap: calls may overlap; each has reads of its own.
 */
import { setMaxListeners } from 'node:events';
import type { RecordBatch } from '#log';
import { type Offset, ProtocolError } from '#protocol';
import type { Scheduler } from '#runtime';
import type { FetchRequest, FetchResult } from '../broker.js';
import type { Requester } from '../requester.js';
import type { PartitionRead, PositionReset } from './groups.js';
import type { CursorPosition } from './poll-cursor.js';
import { LOG_WAS_TRUNCATED, positionReset } from './position-resets.js';

/** Partitions read at the same time once the first ones had few records. */
const READ_AT_ONCE = 8;
const PARTITION_BYTES_MIN = 16 * 1024;
/** Time after which a poll goes on without a partition whose leader does not answer, in ms. */
const LEADER_WAIT_MS = 1000;
/** Pause after an answer without records that came before its time, in ms. */
const EARLY_ANSWER_MS = 50;
/** Reason of the signals that end waits. Without one each of them would make an error. */
export const WAIT_IS_OVER = 'the wait is over';

/** Bounds of one poll. */
export interface ReadBounds {
  readonly limit: number;
  readonly maxBytes: number;
  /** Requester of the reads; undefined while authentication is off. */
  readonly requester?: Requester | undefined;
}

/** Bounds of the read of one partition. */
type PartitionBounds = Pick<FetchRequest, 'maxBytes' | 'recordsMax'>;

/** Records of a poll, and positions that were moved to records that exist. */
export interface ReadRecords {
  readonly reads: PartitionRead[];
  readonly resets: PositionReset[];
}

/** Records that are found for a requester. */
interface Finding extends ReadRecords {
  readonly requester: Requester | undefined;
}

export type ResetPolicy = 'latest' | 'earliest' | 'none';

interface MemberReadsOptions {
  readonly fetch: (request: FetchRequest, requester: Requester | undefined) => Promise<FetchResult>;
  readonly scheduler: Scheduler;
}

export class MemberReads {
  readonly #options: MemberReadsOptions;

  constructor(options: MemberReadsOptions) {
    this.#options = options;
  }

  /**
   * Reads from positions in their order until a bound is reached.
   * @throws ProtocolError OFFSET_OUT_OF_RANGE where the policy is `none`
   */
  async read(
    positions: readonly CursorPosition[],
    bounds: ReadBounds,
    policy: ResetPolicy,
  ): Promise<ReadRecords> {
    const found: ReadRecords = { reads: [], resets: [] };
    const { requester } = bounds;
    let { limit, maxBytes } = bounds;
    for (let at = 0; at < positions.length && limit > 0 && maxBytes > 0; ) {
      // Most members are behind in the first partition already, and need no other one.
      const wave = positions.slice(at, at + (at === 0 ? 1 : READ_AT_ONCE));
      at += wave.length;
      const bytes = Math.max(PARTITION_BYTES_MIN, Math.floor(maxBytes / wave.length));
      const ofEach = { maxBytes: Math.min(bytes, maxBytes), recordsMax: limit };
      const finding: Finding = { ...found, requester };
      const reads = await Promise.all(
        wave.map((position) => this.#readOne(position, ofEach, policy, finding)),
      );
      for (const read of reads) {
        if (read === undefined || limit <= 0 || maxBytes <= 0) continue;
        found.reads.push(read);
        limit -= recordsFrom(read.batches, read.offset);
        maxBytes -= bytesOf(read.batches);
      }
    }
    return found;
  }

  /**
   * Resolves when one of the partitions may have a record at its position, or at the signal.
   * @param unreadableWaitMs time after which a partition that cannot be read counts as such
   */
  async waitForRecords(
    positions: readonly CursorPosition[],
    waitMs: number,
    signal: AbortSignal,
    unreadableWaitMs = waitMs,
  ): Promise<void> {
    const ended = new AbortController();
    // One listener per partition is not a leak, although Node warns from eleven on.
    setMaxListeners(0, ended.signal);
    const end = (): void => ended.abort(WAIT_IS_OVER);
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    try {
      await Promise.race(
        positions.map((position) =>
          this.#waitForOne(position, { waitMs, unreadableWaitMs }, ended.signal),
        ),
      );
    } finally {
      signal.removeEventListener('abort', end);
      end();
    }
  }

  async #waitForOne(
    position: CursorPosition,
    { waitMs, unreadableWaitMs }: { readonly waitMs: number; readonly unreadableWaitMs: number },
    signal: AbortSignal,
  ): Promise<void> {
    // The rest of a time may be a fraction, which no leader takes.
    const wholeMs = Math.ceil(waitMs);
    const bounds = { maxBytes: 1, minBytes: 1, waitMs: wholeMs, signal };
    const how = { isFeed: true, mayBeBehind: true };
    try {
      const { batches } = await this.#options.fetch({ ...position, ...bounds, ...how }, 'broker');
      // A leader that stops answers at once: to ask it again and again would keep it from stopping.
      if (batches.length === 0) await this.#delay(Math.min(wholeMs, EARLY_ANSWER_MS), signal);
    } catch (error) {
      // The next read of this partition says what is wrong; until then the others are waited for.
      if (!isOutOfRange(error)) await this.#delay(unreadableWaitMs, signal);
    }
  }

  /** Undefined when there is nothing to read there now. */
  async #readOne(
    position: CursorPosition,
    bounds: PartitionBounds,
    policy: ResetPolicy,
    found: Finding,
  ): Promise<PartitionRead | undefined> {
    const { topic, partition, offset } = position;
    try {
      const result = await this.#fetch(position, bounds, found);
      const { batches, leaderEpoch } = result;
      if (batches.length === 0) return undefined;
      return { topic, partition, offset, leaderEpoch, batches };
    } catch (error) {
      if (isRefusal(error)) throw error;
      if (!isOutOfRange(error)) return undefined;
      if (policy === 'none') throw error;
      const diverging = divergingOffset(error);
      const to = diverging ?? resetOffset(error, policy);
      if (to === undefined || (to === offset && diverging === undefined)) return undefined;
      const reason = diverging === undefined ? undefined : LOG_WAS_TRUNCATED;
      if (to !== offset) found.resets.push(positionReset(position, offset, to, reason));
      return this.#readReset({ topic, partition, offset: to }, bounds, found);
    }
  }

  async #readReset(
    position: CursorPosition,
    bounds: PartitionBounds,
    finding: Finding,
  ): Promise<PartitionRead | undefined> {
    try {
      const { batches, leaderEpoch } = await this.#fetch(position, bounds, finding);
      return { ...position, leaderEpoch, batches };
    } catch {
      // Moved again meanwhile: the next poll resets it once more.
      return undefined;
    }
  }

  #fetch(
    position: CursorPosition,
    bounds: PartitionBounds,
    { requester }: Finding,
  ): Promise<FetchResult> {
    const { topic, partition, offset, leaderEpoch } = position;
    const wait = { minBytes: 1, waitMs: 0, leaderWaitMs: LEADER_WAIT_MS };
    const request = { topic, partition, offset, ...bounds, ...wait };
    return this.#options.fetch(
      leaderEpoch === undefined ? request : { ...request, leaderEpoch },
      requester,
    );
  }

  #delay(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        signal.removeEventListener('abort', end);
        resolve();
      };
      const timer = this.#options.scheduler.after(ms, end);
      signal.addEventListener('abort', end, { once: true });
      if (signal.aborted) end();
    });
  }
}

/** True if the leader refuses the requester, which may know newer rules than this broker. */
export function isRefusal(error: unknown): boolean {
  if (!(error instanceof ProtocolError)) return false;
  return error.code === 'TOPIC_AUTHORIZATION_FAILED' || error.code === 'SASL_AUTHENTICATION_FAILED';
}

function isOutOfRange(error: unknown): error is ProtocolError {
  return error instanceof ProtocolError && error.code === 'OFFSET_OUT_OF_RANGE';
}

/** End of what a reader has in common with a log that was truncated; undefined for any other. */
function divergingOffset({ members }: ProtocolError): Offset | undefined {
  const { divergingOffset: offset } = members;
  return typeof offset === 'number' ? offset : undefined;
}

/** The position that replaces one whose records are gone. */
function resetOffset({ members }: ProtocolError, policy: ResetPolicy): Offset | undefined {
  const { logStartOffset, highWatermark } = members;
  const to = policy === 'earliest' ? logStartOffset : highWatermark;
  return typeof to === 'number' ? to : undefined;
}

function recordsFrom(batches: readonly RecordBatch[], offset: Offset): number {
  let records = 0;
  for (const { baseOffset, lastOffset } of batches) {
    records += lastOffset - Math.max(baseOffset, offset) + 1;
  }
  return records;
}

function bytesOf(batches: readonly RecordBatch[]): number {
  return batches.reduce((bytes, { sizeBytes }) => bytes + sizeBytes, 0);
}
