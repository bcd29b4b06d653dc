import type { Scheduler, Timer } from '#runtime';

/** The settings that the sweep uses. */
export interface StreamSweepOptions {
  readonly eventHeartbeatMs: number;
  readonly socketStalledTimeoutMs: number;
}

/** The part of a stream that the sweep needs. */
export interface SweptStream {
  /** Bytes that the system has not accepted yet. */
  readonly pendingBytes: number;
  /** Bytes that the system has accepted since the connection was opened. */
  readonly takenBytes: number;
  /** Called after a silence: sends the heartbeat if the format has one. */
  beat(): void;
  /** Cuts the connection of a client that no longer receives anything. */
  drop(): void;
}

/** Last observation of a stream. */
interface Sighting {
  takenBytes: number;
  /** Sweeps since it last received something, while nothing waited for it. */
  silentSweeps: number;
  /** Sweeps since it last received something, while bytes wait; -1 if none wait. */
  stalledSweeps: number;
}

/** A silence is found at most a quarter late. */
const SWEEPS_PER_PERIOD = 4;

/**
 * One timer that periodically checks all streams of records, for silent streams and for stalled
 * clients.
 *
 * A client is dropped if bytes wait for it and it receives none of them for a long time. A slow
 * client that receives some now and then is kept.
 */
export class StreamSweep {
  readonly #scheduler: Scheduler;
  readonly #options: StreamSweepOptions;
  readonly #streams = new Map<SweptStream, Sighting>();
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
    for (const [stream, sighting] of this.#streams) this.#check(stream, sighting);
    this.#timer =
      this.#streams.size === 0 ? undefined : this.#scheduler.after(this.#sweepMs, this.#sweep);
  };

  #check(stream: SweptStream, sighting: Sighting): void {
    const { takenBytes } = stream;
    const isMoving = takenBytes !== sighting.takenBytes;
    const isEmpty = stream.pendingBytes === 0;
    sighting.takenBytes = takenBytes;
    sighting.silentSweeps = isMoving || !isEmpty ? 0 : sighting.silentSweeps + 1;
    sighting.stalledSweeps = isEmpty ? -1 : isMoving ? 0 : sighting.stalledSweeps + 1;
    const { eventHeartbeatMs, socketStalledTimeoutMs } = this.#options;
    if (sighting.silentSweeps * this.#sweepMs >= eventHeartbeatMs) stream.beat();
    else if (sighting.stalledSweeps * this.#sweepMs >= socketStalledTimeoutMs) stream.drop();
  }
}
