import type { Offset } from '#protocol';
import type { Throttler } from '../background/throttler.js';
import { LogReader } from '../log/log-reader.js';
import type { LogEnvironment, LogState } from '../log/log-state.js';
import { SegmentReader } from '../log/segment-reader.js';
import { unpackedBatchOf } from '../record-batch/batch-parts.js';
import { isOfTransaction } from '../record-batch/committed-batches.js';
import { isUnreadable } from '../record-batch/damage.js';
import { RecordBatch } from '../record-batch/record-batch.js';
import { RecordCursor } from '../record-batch/record-cursor.js';
import { LogSegment } from '../segment/segment.js';
import { filterBatch, type RetentionRule } from './batch-filter.js';
import { type HashKey, OffsetMap } from './offset-map.js';
import { youngestRecord } from './record-age.js';

const INT32_MAX = 2 ** 31 - 1;
/** Bytes of a compacted segment gathered for one write. */
const WRITE_BYTES = 1024 * 1024;
const RECORDS_PER_LOOK = 64;

/** The part of a log that can be compacted. */
export interface CompactionPlan {
  /** First offset that was not compacted before. */
  readonly firstDirtyOffset: Offset;
  /** Base offset of the first segment that must not be compacted. */
  readonly firstUncleanableOffset: Offset;
  /** Share of dirty bytes in the compactable part: dirty / (clean + dirty). */
  readonly dirtyRatio: number;
}

export interface CompactionOptions {
  readonly throttler: Throttler;
  readonly hashKey: HashKey;
  /** Bytes of the map from keys to offsets; more keys than fit take several passes. */
  readonly mapBytesMax: number;
  /**
   * Replaces segments by their compacted segment, written and synced under `.cleaned`, so that a
   * crash leaves either state. Returns false without a change when the log has changed.
   */
  readonly swap: (old: readonly LogSegment[], cleaned: LogSegment) => Promise<boolean>;
}

/**
 * The log was truncated, shortened or deleted during its compaction. It is not an error: a later
 * pass tries again.
 */
export class LogChangedError extends Error {
  override readonly name = 'LogChangedError';
}

/**
 * Determines the compactable part: all segments wholly below the high watermark except the active
 * one, and with `min.compaction.lag.ms` only those before the first that has a younger record.
 * @returns undefined when there is none
 */
export async function planCompaction(
  log: LogState,
  nowMs: number,
): Promise<CompactionPlan | undefined> {
  const segments = log.segments.all;
  const { logStart, highWatermark } = log.offsets;
  const isCleanedEndValid =
    log.cleanedEnd >= logStart && log.cleanedEnd <= log.segments.active.baseOffset;
  const firstDirtyOffset = isCleanedEndValid ? log.cleanedEnd : logStart;
  const lagMs = log.config['min.compaction.lag.ms'];
  let cleanBytes = 0;
  let dirtyBytes = 0;
  let firstUncleanableOffset: Offset = segments[0]?.baseOffset ?? logStart;
  for (const [segmentIndex, segment] of segments.entries()) {
    const endOffset = segments[segmentIndex + 1]?.baseOffset;
    if (endOffset === undefined || endOffset > highWatermark) break;
    if (endOffset <= firstDirtyOffset) cleanBytes += segment.sizeBytes;
    else {
      if (lagMs > 0 && (await youngestRecord(segment, nowMs)).timeMs > nowMs - lagMs) break;
      dirtyBytes += segment.sizeBytes;
    }
    firstUncleanableOffset = endOffset;
  }
  if (dirtyBytes === 0) return undefined;
  const dirtyRatio = dirtyBytes / (cleanBytes + dirtyBytes);
  return { firstDirtyOffset, firstUncleanableOffset, dirtyRatio };
}

/**
 * Compacts a log as Kafka does: it reads the dirty part to learn the last offset of each key, as
 * many as the map holds, then rewrites every segment up to there without obsolete records. Small
 * neighbours are merged into one segment of at most segment.bytes.
 *
 * Reads and produces continue meanwhile. Calls for one log must not overlap.
 *
 * @returns the first offset that is not compacted now
 * @throws StoppedError; LogChangedError; ProtocolError CORRUPT_MESSAGE: the damage was reported,
 *   the log is unchanged; storage errors
 */
export async function compactLog(
  log: LogState,
  environment: LogEnvironment,
  plan: CompactionPlan,
  options: CompactionOptions,
): Promise<Offset> {
  return new Compaction(log, environment, plan, options).run();
}

/** Groups neighbouring segments that fit into one segment together. */
function groupSegments(
  segments: readonly LogSegment[],
  endOffset: Offset,
  segmentBytesMax: number,
): LogSegment[][] {
  const groups: LogSegment[][] = [];
  let bytes = 0;
  for (const [segmentIndex, segment] of segments.entries()) {
    const nextBaseOffset = segments[segmentIndex + 1]?.baseOffset ?? endOffset;
    if (segment.baseOffset >= endOffset) break;
    const group = groups.at(-1);
    const first = group?.[0];
    const fits =
      first !== undefined &&
      bytes + segment.sizeBytes <= segmentBytesMax &&
      nextBaseOffset - 1 - first.baseOffset <= INT32_MAX;
    if (fits) group?.push(segment);
    else groups.push([segment]);
    bytes = fits ? bytes + segment.sizeBytes : segment.sizeBytes;
  }
  return groups;
}

/**
 * One compaction of one log.
 *
 * Overlap: an object runs once; reads and appends of the log continue meanwhile, and the swap of
 * segments runs in the log's write lane.
 */
class Compaction {
  readonly #map: OffsetMap;
  readonly #reader: LogReader;
  readonly #log: LogState;
  readonly #environment: LogEnvironment;
  readonly #plan: CompactionPlan;
  readonly #options: CompactionOptions;

  constructor(
    log: LogState,
    environment: LogEnvironment,
    plan: CompactionPlan,
    options: CompactionOptions,
  ) {
    this.#log = log;
    this.#environment = environment;
    this.#plan = plan;
    this.#options = options;

    const dirtyOffsets = plan.firstUncleanableOffset - plan.firstDirtyOffset;
    this.#map = new OffsetMap(options.hashKey, options.mapBytesMax, dirtyOffsets);
    this.#reader = new LogReader(log, environment);
  }

  async run(): Promise<Offset> {
    const log = this.#log;
    const environment = this.#environment;
    const { firstUncleanableOffset } = this.#plan;
    const segments = log.segments.all.filter(({ baseOffset }) => {
      return baseOffset < firstUncleanableOffset;
    });
    const mapEndOffset = await this.#buildMap(segments);
    const rule: RetentionRule = {
      offsets: this.#map,
      mapEndOffset,
      nowMs: environment.expiryClock.nowMs(),
      deleteRetentionMs: log.config['delete.retention.ms'],
      producerLastOffsets: log.producers.lastOffsets(),
    };
    const affected = segments.filter(({ baseOffset }) => baseOffset < mapEndOffset);
    const endOffset = segments[affected.length]?.baseOffset ?? firstUncleanableOffset;
    const groups = groupSegments(affected, endOffset, log.config['segment.bytes']);
    for (const group of groups) await this.#cleanGroup(group, rule);
    return mapEndOffset;
  }

  /** @returns the offset up to which the map has the last offset of every key */
  async #buildMap(segments: readonly LogSegment[]): Promise<Offset> {
    const { firstDirtyOffset, firstUncleanableOffset } = this.#plan;
    for (const [segmentIndex, segment] of segments.entries()) {
      const nextBaseOffset = segments[segmentIndex + 1]?.baseOffset ?? firstUncleanableOffset;
      if (nextBaseOffset <= firstDirtyOffset) continue;
      const reader = new SegmentReader(
        this.#log,
        this.#environment,
        segment,
        this.#options.throttler,
      );
      try {
        for (let batch = await reader.next(); batch !== undefined; batch = await reader.next()) {
          if (batch.nextOffset <= firstDirtyOffset || batch.isControl) continue;
          if (isOfTransaction(batch) && !(await this.#isCommitted(batch))) continue;
          const fullAt = await this.#mapBatch(batch);
          if (fullAt !== undefined) return fullAt;
        }
      } finally {
        reader.close();
      }
    }
    return firstUncleanableOffset;
  }

  /** An uncommitted record does not make the earlier record of its key obsolete. */
  async #isCommitted(batch: RecordBatch): Promise<boolean> {
    const { highWatermark } = this.#log.offsets;
    const end = await this.#reader.transactions.endOf(batch, highWatermark);
    return end === 'committed';
  }

  /**
   * Adds the keys of a batch to the map. When a record cannot be read only those before it are
   * added: `filterBatch` retains the whole batch.
   * @returns the offset of the first record that did not fit, if any
   */
  async #mapBatch(batch: RecordBatch): Promise<Offset | undefined> {
    try {
      return await this.#mapRecords(new RecordCursor(await unpackedBatchOf(batch)));
    } catch (error) {
      if (isUnreadable(error)) return undefined;
      throw error;
    }
  }

  async #mapRecords(cursor: RecordCursor): Promise<Offset | undefined> {
    const { throttler } = this.#options;
    for (let checkedCount = 0; cursor.next(); checkedCount += 1) {
      if (cursor.keyStart < 0 || cursor.offset < this.#plan.firstDirtyOffset) continue;
      const { bytes, keyStart, keyEnd, offset } = cursor;
      if (!this.#map.put(bytes, keyStart, keyEnd, offset)) return offset;
      if (checkedCount % RECORDS_PER_LOOK === 0 && throttler.isDue) await throttler.pause();
    }
    return undefined;
  }

  /** Rewrites a group of segments as one, and replaces them by it. */
  async #cleanGroup(group: readonly LogSegment[], rule: RetentionRule): Promise<void> {
    const log = this.#log;
    const environment = this.#environment;
    const first = group[0];
    if (first === undefined) return;
    const bytesBefore = group.reduce((sum, segment) => sum + segment.sizeBytes, 0);
    const cleaned = await LogSegment.create(
      environment.files,
      log.directory,
      first.baseOffset,
      '.cleaned',
    );
    try {
      await this.#writeCleaned(group, cleaned, rule);
      if (!(await this.#options.swap(group, cleaned))) {
        throw new LogChangedError('the log changed while it was compacted');
      }
    } catch (error) {
      // The next start finishes a swap that failed with files under `.swap`.
      if (cleaned.file.path.endsWith('.cleaned')) await cleaned.remove();
      throw error;
    }
    environment.observer.cleaned(group.length, bytesBefore, cleaned.sizeBytes);
  }

  async #writeCleaned(
    group: readonly LogSegment[],
    cleaned: LogSegment,
    rule: RetentionRule,
  ): Promise<void> {
    const { throttler } = this.#options;
    const writer = new CleanedWriter(cleaned, throttler);
    for (const segment of group) {
      const reader = new SegmentReader(this.#log, this.#environment, segment, throttler);
      try {
        for (let batch = await reader.next(); batch !== undefined; batch = await reader.next()) {
          const kept = await filterBatch(batch, rule, throttler);
          if (kept !== undefined) await writer.add(kept);
        }
      } finally {
        reader.close();
      }
    }
    await writer.flush();
    await this.#environment.syncs.run(() => cleaned.datasync());
    await cleaned.flushIndexes();
  }
}

/**
 * Gathers batches and writes them to a segment that has no readers yet.
 *
 * Overlap: calls must not overlap; the one compaction that owns it awaits each.
 */
class CleanedWriter {
  #buffers: Buffer[] = [];
  #bytes = 0;
  readonly #segment: LogSegment;
  readonly #throttler: Throttler;

  constructor(segment: LogSegment, throttler: Throttler) {
    this.#segment = segment;
    this.#throttler = throttler;
  }

  async add(batch: Buffer): Promise<void> {
    this.#buffers.push(batch);
    this.#bytes += batch.length;
    if (this.#bytes >= WRITE_BYTES) await this.flush();
  }

  async flush(): Promise<void> {
    const segment = this.#segment;
    const throttler = this.#throttler;
    const buffers = this.#buffers;
    if (buffers.length === 0) return;
    const handle = await segment.file.acquire();
    try {
      await handle.writev(buffers, segment.sizeBytes);
    } finally {
      segment.file.release();
    }
    for (const buffer of buffers) {
      const { lastOffset, maxTimestamp, sizeBytes } = new RecordBatch(buffer);
      segment.appended({ position: segment.sizeBytes, sizeBytes, lastOffset, maxTimestamp });
    }
    throttler.charge(this.#bytes);
    this.#buffers = [];
    this.#bytes = 0;
    await throttler.pause();
  }
}
