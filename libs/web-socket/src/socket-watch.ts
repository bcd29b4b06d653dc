import type { Clock, Scheduler, Timer } from '#runtime';
import type { ConnectionObservation, LivenessVerdict } from './liveness.js';

/**
 * Connections are checked in turn, a part of them at a time, so that not all are pinged at once.
 */
const PARTS = 8;

/** A connection under supervision. */
export interface WatchedConnection {
  sight(): ConnectionObservation;
  judge(seen: ConnectionObservation, nowMs: number): LivenessVerdict;
  ping(): void;
  /** Ends the connection without a close frame, because nobody would read it. */
  drop(verdict: 'dead' | 'stalled'): void;
}

export interface SocketWatchOptions {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly intervalMs: number;
}

/** Checks each connection once per interval, all of them with one timer. */
export class SocketWatch {
  readonly #options: SocketWatchOptions;
  readonly #parts: readonly Set<WatchedConnection>[];
  #next = 0;
  #added = 0;
  #timer: Timer | undefined;

  constructor(options: SocketWatchOptions) {
    this.#options = options;
    this.#parts = Array.from({ length: PARTS }, () => new Set());
  }

  add(connection: WatchedConnection): void {
    this.#parts[this.#added % PARTS]?.add(connection);
    this.#added += 1;
    if (this.#timer === undefined) this.#schedule();
  }

  remove(connection: WatchedConnection): void {
    for (const part of this.#parts) part.delete(connection);
  }

  close(): void {
    this.#timer?.cancel();
  }

  #schedule(): void {
    const { scheduler, intervalMs } = this.#options;
    this.#timer = scheduler.after(intervalMs / PARTS, () => {
      this.#checkPart();
      this.#schedule();
    });
  }

  #checkPart(): void {
    const nowMs = this.#options.clock.monotonicMs();
    const part = this.#parts[this.#next % PARTS] ?? new Set();
    this.#next += 1;
    for (const connection of part) {
      const verdict = connection.judge(connection.sight(), nowMs);
      if (verdict === 'ping') connection.ping();
      else if (verdict !== 'alive') connection.drop(verdict);
    }
  }
}
