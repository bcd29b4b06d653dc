/**
 * Reads records of several partitions for one poll, wherever their leaders are, within bounds of
 * records and bytes. Partitions that cannot be read now are left out: the others are served.
 *
 * Overlap: calls may overlap; each has reads of its own.
 */
import type { RecordBatch } from '#log';
import { type Offset, ProtocolError } from '#protocol';
import type { Scheduler } from '#runtime';
import type { FetchRequest, FetchResult } from '../broker.js';
import type { PartitionRead, PositionReset } from './groups.js';
import type { CursorPosition } from './poll-cursor.js';

/** Partitions read at the same time once the first ones had few records. */
const READ_AT_ONCE = 8;
const PARTITION_BYTES_MIN = 16 * 1024;
/** Time after which a poll goes on without a partition whose leader does not answer, in ms. */
const LEADER_WAIT_MS = 1000;

/** Bounds of one poll. */
export interface ReadBounds {
  readonly limit: number;
  readonly maxBytes: number;
}

/** Records of a poll, and positions that were moved to records that exist. */
export interface ReadRecords {
  readonly reads: PartitionRead[];
  readonly resets: PositionReset[];
}

export type ResetPolicy = 'latest' | 'earliest' | 'none';

interface MemberReadsOptions {
  readonly fetch: (request: FetchRequest) => Promise<FetchResult>;
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
    let { limit, maxBytes } = bounds;
    for (let at = 0; at < positions.length && limit > 0 && maxBytes > 0; ) {
      // Most members are behind in the first partition already, and need no other one.
      const wave = positions.slice(at, at + (at === 0 ? 1 : READ_AT_ONCE));
      at += wave.length;
      const bytes = Math.max(PARTITION_BYTES_MIN, Math.floor(maxBytes / wave.length));
      const reads = await Promise.all(
        wave.map((position) => this.#readOne(position, Math.min(bytes, maxBytes), policy, found)),
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

  /** Resolves when one of the partitions may have a record at its position, or at the signal. */
  async waitForRecords(
    positions: readonly CursorPosition[],
    waitMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    const ended = new AbortController();
    const end = (): void => ended.abort();
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    try {
      await Promise.race(
        positions.map((position) => this.#waitForOne(position, waitMs, ended.signal)),
      );
    } finally {
      signal.removeEventListener('abort', end);
      end();
    }
  }

  async #waitForOne(
    { topic, partition, offset }: CursorPosition,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    const request = { topic, partition, offset, maxBytes: 1, minBytes: 1, waitMs, signal };
    try {
      await this.#options.fetch({ ...request, isFeed: true, mayBeBehind: true });
    } catch (error) {
      // The next read of this partition says what is wrong; until then the others are waited for.
      if (!isOutOfRange(error)) await this.#delay(waitMs, signal);
    }
  }

  /** Undefined when there is nothing to read there now. */
  async #readOne(
    position: CursorPosition,
    maxBytes: number,
    policy: ResetPolicy,
    found: ReadRecords,
  ): Promise<PartitionRead | undefined> {
    const { topic, partition, offset } = position;
    try {
      const result = await this.#fetch(position, maxBytes);
      const batches = result?.batches ?? [];
      return batches.length > 0 ? { topic, partition, offset, batches } : undefined;
    } catch (error) {
      if (!isOutOfRange(error)) return undefined;
      if (policy === 'none') throw error;
      const to = resetOffset(error, policy);
      if (to === undefined || to === offset) return undefined;
      const reason = 'The records at the position are gone.';
      found.resets.push({ topic, partition, from: offset, to, reason });
      return this.#readReset({ topic, partition, offset: to }, maxBytes);
    }
  }

  async #readReset(position: CursorPosition, maxBytes: number): Promise<PartitionRead | undefined> {
    try {
      const result = await this.#fetch(position, maxBytes);
      return result === undefined ? undefined : { ...position, batches: result.batches };
    } catch {
      // Moved again meanwhile: the next poll resets it once more.
      return undefined;
    }
  }

  /** Undefined when the leader does not answer in time. */
  async #fetch(position: CursorPosition, maxBytes: number): Promise<FetchResult | undefined> {
    const ended = new AbortController();
    const request = { ...position, maxBytes, minBytes: 1, waitMs: 0, signal: ended.signal };
    const late = this.#delay(LEADER_WAIT_MS, ended.signal);
    const fetched = this.#options.fetch(request);
    try {
      return await Promise.race([fetched, late]);
    } finally {
      fetched.catch(() => undefined);
      ended.abort();
    }
  }

  #delay(ms: number, signal: AbortSignal): Promise<undefined> {
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        signal.removeEventListener('abort', end);
        resolve(undefined);
      };
      const timer = this.#options.scheduler.after(ms, end);
      signal.addEventListener('abort', end, { once: true });
      if (signal.aborted) end();
    });
  }
}

function isOutOfRange(error: unknown): error is ProtocolError {
  return error instanceof ProtocolError && error.code === 'OFFSET_OUT_OF_RANGE';
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
