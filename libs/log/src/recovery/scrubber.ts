import { ProtocolError } from '#protocol';
import { StoppedError, Throttler } from '../background/throttler.js';
import { reportDamage } from '../log/damage-search.js';
import type { LogEnvironment, LogState } from '../log/log-state.js';
import { SegmentReader } from '../log/segment-reader.js';
import { corruptMessage } from '../record-batch/damage.js';
import type { LogSegment } from '../segment/segment.js';

/** Batches read between two checks that the segment is still in the log. */
const BATCHES_PER_LOOK = 256;

export interface ScrubberSettings {
  /** Bytes per second that a pass may read. */
  readonly bytesPerSecond: number;
  /** Time in ms from the end of a pass to the start of the next; 0 disables the scrub. */
  readonly intervalMs: number;
  /** Time from the start of the broker to the first pass, ms. */
  readonly firstAfterMs: number;
  /** Longest time in ms that the work may occupy the event loop. */
  readonly sliceMsMax: number;
}

/**
 * Reads all closed segments slowly in the background and checks every batch: faults of a disk are
 * found before a reader needs the records, and a replica of a cluster repairs them from its leader.
 *
 * A fault is reported like damage that a reader meets: a batch that differs from the written one,
 * and offsets that are missing between two segments, as after a file was removed by hand. Missing
 * offsets in the compacted part of a log are not damage.
 *
 * Overlap: `runIfDue` calls must not overlap; `stop` may come at any time.
 */
export class LogScrubber {
  readonly #throttler: Throttler;
  #dueMs: number;
  #isStopped = false;
  readonly #environment: LogEnvironment;
  readonly #logs: () => Iterable<{ readonly state: LogState }>;
  readonly #settings: ScrubberSettings;

  constructor(
    environment: LogEnvironment,
    logs: () => Iterable<{ readonly state: LogState }>,
    settings: ScrubberSettings,
  ) {
    this.#environment = environment;
    this.#logs = logs;
    this.#settings = settings;

    const { clock, scheduler } = environment;
    const { bytesPerSecond, sliceMsMax } = settings;
    this.#throttler = new Throttler({ clock, scheduler, bytesPerSecond, sliceMsMax });
    this.#dueMs = clock.monotonicMs() + settings.firstAfterMs;
  }

  /** Ends a pass in progress at its next pause, and begins no other. */
  stop(): void {
    this.#isStopped = true;
    this.#throttler.stop();
  }

  /** Runs a pass over all logs if one is due. Never rejects. Calls must not overlap. */
  async runIfDue(): Promise<void> {
    const { clock, observer } = this.#environment;
    const { intervalMs } = this.#settings;
    if (intervalMs === 0 || clock.monotonicMs() < this.#dueMs) return;
    // A pass takes long: logs may be created and deleted meanwhile.
    const logs = [...this.#logs()];
    for (const { state } of logs) {
      for (const segment of state.segments.all.slice(0, -1)) {
        if (this.#isStopped) return;
        await this.#scrub(state, segment);
      }
    }
    observer.scrubPassEnded();
    this.#dueMs = clock.monotonicMs() + intervalMs;
  }

  async #scrub(log: LogState, segment: LogSegment): Promise<void> {
    const reader = new SegmentReader(log, this.#environment, segment, this.#throttler);
    try {
      await this.#readAll(log, segment, reader);
    } catch (error) {
      if (error instanceof StoppedError) return;
      // The damage was reported. The next pass checks the batches after it, once it is repaired.
      if (error instanceof ProtocolError && error.code === 'CORRUPT_MESSAGE') return;
      this.#environment.logger.warn(
        { err: error, ...log.topicPartition, segment: segment.baseOffset },
        'a segment could not be scrubbed: tried again in the next pass',
      );
    } finally {
      reader.close();
    }
  }

  async #readAll(log: LogState, segment: LogSegment, reader: SegmentReader): Promise<void> {
    const { truncations } = segment;
    const isCurrent = (): boolean =>
      truncations === segment.truncations && log.segments.all.includes(segment);
    let expected = segment.baseOffset;
    let bytes = 0;
    for (let count = 0; ; count += 1) {
      if (count % BATCHES_PER_LOOK === 0) {
        await this.#throttler.pause();
        // A removal waits for the readers of the file.
        if (!isCurrent()) return;
      }
      const batch = await reader.next();
      if (batch === undefined) break;
      expected = batch.nextOffset;
      bytes += batch.sizeBytes;
    }
    this.#environment.observer.scrubbed(bytes);
    const next = log.segments.after(segment)?.baseOffset;
    if (next === undefined || !isCurrent() || expected >= next || expected < log.denseFrom) return;
    const { sizeBytes } = segment;
    const range = {
      segmentBaseOffset: segment.baseOffset,
      startOffset: expected,
      endOffset: next,
      startPosition: sizeBytes,
      endPosition: sizeBytes,
    };
    reportDamage(log, this.#environment, range);
    throw corruptMessage(range);
  }
}
