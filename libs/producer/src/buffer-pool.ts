/**
 * The limit on bytes of records that wait to be written or are being written (`buffer.memory`).
 *
 * The pool counts bytes, it owns no memory. A caller that finds it full waits in line, first come
 * first served, for at most `max.block.ms`. Waiting callers hold their bytes already, so these are
 * limited too: together they hold at most as much as the pool, and further callers are refused at
 * once.
 *
 * Invariant: 0 <= availableBytes <= totalBytes; no caller overtakes one that waits.
 */
import type { Timers } from './timers.js';

/** Creates the errors of refused callers. */
export interface BufferPoolErrors {
  /** The pool was full for max.block.ms, or too many callers wait. */
  exhausted(totalBytes: number): Error;
  /** A caller asked for more bytes than the whole pool has. */
  neverFits(bytes: number, totalBytes: number): Error;
  /**
   * The caller's signal was aborted.
   * @param reason what it was aborted with
   */
  waitEnded(reason: unknown): Error;
}

export interface BufferPoolOptions {
  readonly totalBytes: number;
  readonly maxBlockMs: number;
  /** Bytes that waiting callers hold at most: more are refused. Default: `totalBytes`. */
  readonly waitingBytesMax?: number;
  readonly timers: Timers;
  readonly errors: BufferPoolErrors;
}

export class BufferPool {
  readonly totalBytes: number;
  readonly #maxBlockMs: number;
  readonly #waitingBytesMax: number;
  readonly #timers: Timers;
  readonly #errors: BufferPoolErrors;
  /** Waiting callers, in the order of their arrival. */
  readonly #waiters = new Set<Waiter>();
  #waitingBytes = 0;
  #availableBytes: number;
  #exhaustedTotal = 0;

  constructor(options: BufferPoolOptions) {
    this.totalBytes = options.totalBytes;
    this.#availableBytes = options.totalBytes;
    this.#maxBlockMs = options.maxBlockMs;
    this.#waitingBytesMax = options.waitingBytesMax ?? options.totalBytes;
    this.#timers = options.timers;
    this.#errors = options.errors;
  }

  get availableBytes(): number {
    return this.#availableBytes;
  }

  /** Number of waiting callers. */
  get waiters(): number {
    return this.#waiters.size;
  }

  /** Number of callers refused with BUFFER_EXHAUSTED since the start. */
  get exhaustedTotal(): number {
    return this.#exhaustedTotal;
  }

  /** Reserves the bytes now, or returns false. */
  tryReserve(bytes: number): boolean {
    if (this.#waiters.size > 0 || bytes > this.#availableBytes) return false;
    this.#availableBytes -= bytes;
    return true;
  }

  /**
   * Reserves `bytes`, waiting if necessary. The caller returns them with `release`.
   * It rejects with `exhausted` after its time, or at once when too many wait, and with `neverFits`
   * when the whole pool is smaller than `bytes`.
   * @param signal ends the wait: it rejects with `waitEnded` and reserves nothing
   * @param maxBlockMs longest wait, ms
   */
  reserve(bytes: number, signal?: AbortSignal, maxBlockMs = this.#maxBlockMs): Promise<void> {
    if (bytes > this.totalBytes) {
      return Promise.reject(this.#errors.neverFits(bytes, this.totalBytes));
    }
    if (this.tryReserve(bytes)) return Promise.resolve();
    if (this.#waitingBytes + bytes > this.#waitingBytesMax || maxBlockMs <= 0) {
      return Promise.reject(this.exhausted());
    }
    if (signal?.aborted === true) return Promise.reject(this.#errors.waitEnded(signal.reason));
    return new Promise((resolve, reject) => {
      this.#enqueue({ bytes, signal, maxBlockMs }, resolve, reject);
    });
  }

  /** Returns reserved bytes, and serves waiting callers with them. */
  release(bytes: number): void {
    this.#availableBytes += bytes;
    if (this.#waiters.size > 0) this.#admit();
  }

  /** Counts a refusal and returns its error, for a caller that may not wait. */
  exhausted(): Error {
    this.#exhaustedTotal += 1;
    return this.#errors.exhausted(this.totalBytes);
  }

  #enqueue(request: Reservation, resolve: () => void, reject: (error: Error) => void): void {
    const { bytes, signal, maxBlockMs } = request;
    const refuse = (error: Error): void => {
      this.#leave(waiter);
      reject(error);
      // The caller that left may have been a large one that blocked all others.
      this.#admit();
    };
    const onAbort = (): void => refuse(this.#errors.waitEnded(signal?.reason));
    const timer = this.#timers.after(maxBlockMs, () => refuse(this.exhausted()));
    const waiter: Waiter = {
      bytes,
      admit: resolve,
      detach: () => {
        timer.cancel();
        signal?.removeEventListener('abort', onAbort);
      },
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#waiters.add(waiter);
    this.#waitingBytes += bytes;
  }

  #admit(): void {
    for (const waiter of this.#waiters) {
      if (waiter.bytes > this.#availableBytes) return;
      this.#availableBytes -= waiter.bytes;
      this.#leave(waiter);
      waiter.admit();
    }
  }

  #leave(waiter: Waiter): void {
    this.#waiters.delete(waiter);
    this.#waitingBytes -= waiter.bytes;
    waiter.detach();
  }
}

interface Reservation {
  readonly bytes: number;
  readonly signal: AbortSignal | undefined;
  readonly maxBlockMs: number;
}

interface Waiter {
  readonly bytes: number;
  readonly admit: () => void;
  /** Removes the timer and the signal listener. */
  readonly detach: () => void;
}
