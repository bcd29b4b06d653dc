import type { Scheduler, Timer } from '#runtime';
import type { Delivery } from '../delivery/delivery.js';
import { chunkOf, EventEncoder, HEARTBEAT } from './event-encoding.js';

/** The settings that streams of events read. */
export interface EventStreamOptions {
  readonly eventHeartbeatMs: number;
  readonly eventRetryMs: number;
  readonly socketBufferBytes: number;
  readonly socketStalledTimeoutMs: number;
}

/** A stream as the sweep sees it. */
export interface SweptStream {
  /** Bytes that the system has not taken yet. */
  readonly pendingBytes: number;
  /** Bytes that the system has taken since the connection was opened. */
  readonly takenBytes: number;
  /** Sends a comment. */
  beat(heartbeat: Buffer): void;
  /** Cuts the connection of a client that takes nothing any more. */
  drop(): void;
}

/** What was seen of a stream so far. */
interface Sighting {
  takenBytes: number;
  /** Sweeps since it last took something, with nothing that waited for it. */
  silentSweeps: number;
  /** Sweeps since it last took something, with bytes that wait. */
  stalledSweeps: number;
}

/** A silence is found at most a quarter late. */
const SWEEPS_PER_PERIOD = 4;

/**
 * All streams of events: what they share, and one timer that looks at all of them now and then, for
 * those that are silent and for those whose clients are.
 *
 * A client is given up when bytes wait for it and it takes none of them for a long time. Slow is no
 * reason: whoever takes a byte now and then is kept.
 */
export class EventStreams {
  readonly encoder = new EventEncoder();
  readonly delivery: Delivery;
  readonly options: EventStreamOptions;
  readonly #scheduler: Scheduler;
  readonly #streams = new Map<SweptStream, Sighting>();
  readonly #heartbeat = chunkOf(HEARTBEAT);
  readonly #sweepMs: number;
  #timer: Timer | undefined;

  constructor(delivery: Delivery, options: EventStreamOptions) {
    this.delivery = delivery;
    this.options = options;
    this.#scheduler = delivery.scheduler;
    const { eventHeartbeatMs, socketStalledTimeoutMs } = options;
    this.#sweepMs = Math.min(eventHeartbeatMs, socketStalledTimeoutMs) / SWEEPS_PER_PERIOD;
  }

  add(stream: SweptStream): void {
    this.#streams.set(stream, {
      takenBytes: stream.takenBytes,
      silentSweeps: 0,
      stalledSweeps: 0,
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
    seen.stalledSweeps = isMoving || isEmpty ? 0 : seen.stalledSweeps + 1;
    const { eventHeartbeatMs, socketStalledTimeoutMs } = this.options;
    if (seen.silentSweeps * this.#sweepMs >= eventHeartbeatMs) stream.beat(this.#heartbeat);
    else if (seen.stalledSweeps * this.#sweepMs >= socketStalledTimeoutMs) stream.drop();
  }
}
