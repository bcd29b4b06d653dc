import type { Scheduler, Timer } from '#runtime';
import { chunkOf, HEARTBEAT } from './event-encoding.js';

/** The settings that the sweep reads. */
export interface StreamSweepOptions {
  readonly eventHeartbeatMs: number;
  readonly socketStalledTimeoutMs: number;
}

/** A stream as the sweep sees it. */
export interface SweptStream {
  /** Bytes that the system has not taken yet. */
  readonly pendingBytes: number;
  /** Bytes that the system has taken since the connection was opened. */
  readonly takenBytes: number;
  /** It was silent for a while: sends the heartbeat, where its format has one. */
  beat(heartbeat: Buffer): void;
  /** Cuts the connection of a client that takes nothing any more. */
  drop(): void;
}

/** What was seen of a stream so far. */
interface Sighting {
  takenBytes: number;
  /** Sweeps since it last took something, with nothing that waited for it. */
  silentSweeps: number;
  /** Sweeps since it last took something, with bytes that wait; -1 when none do. */
  stalledSweeps: number;
}

/** A silence is found at most a quarter late. */
const SWEEPS_PER_PERIOD = 4;

/**
 * One timer that looks at all streams of records now and then, for those that are silent and for
 * those whose clients are.
 *
 * A client is given up when bytes wait for it and it takes none of them for a long time. Slow is no
 * reason: whoever takes some now and then is kept.
 */
export class StreamSweep {
  readonly #scheduler: Scheduler;
  readonly #options: StreamSweepOptions;
  readonly #streams = new Map<SweptStream, Sighting>();
  readonly #heartbeat = chunkOf(HEARTBEAT);
  readonly #sweepMs: number;
  #timer: Timer | undefined;

  constructor(scheduler: Scheduler, options: StreamSweepOptions) {
    this.#scheduler = scheduler;
    this.#options = options;
    const { eventHeartbeatMs, socketStalledTimeoutMs } = options;
    this.#sweepMs = Math.min(eventHeartbeatMs, socketStalledTimeoutMs) / SWEEPS_PER_PERIOD;
  }

  add(stream: SweptStream): void {
    this.#streams.set(stream, {
      takenBytes: stream.takenBytes,
      silentSweeps: 0,
      stalledSweeps: -1,
    });
    this.#timer ??= this.#scheduler.after(this.#sweepMs, this.#sweep);
  }

  delete(stream: SweptStream): void {
    this.#streams.delete(stream);
    if (this.#streams.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  readonly #sweep = (): void => {
    for (const [stream, seen] of this.#streams) this.#look(stream, seen);
    this.#timer =
      this.#streams.size === 0 ? undefined : this.#scheduler.after(this.#sweepMs, this.#sweep);
  };

  #look(stream: SweptStream, seen: Sighting): void {
    const { takenBytes } = stream;
    const isMoving = takenBytes !== seen.takenBytes;
    const isEmpty = stream.pendingBytes === 0;
    seen.takenBytes = takenBytes;
    seen.silentSweeps = isMoving || !isEmpty ? 0 : seen.silentSweeps + 1;
    seen.stalledSweeps = isEmpty ? -1 : isMoving ? 0 : seen.stalledSweeps + 1;
    const { eventHeartbeatMs, socketStalledTimeoutMs } = this.#options;
    if (seen.silentSweeps * this.#sweepMs >= eventHeartbeatMs) stream.beat(this.#heartbeat);
    else if (seen.stalledSweeps * this.#sweepMs >= socketStalledTimeoutMs) stream.drop();
  }
}
