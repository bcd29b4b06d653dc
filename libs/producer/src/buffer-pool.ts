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
import { ProtocolError } from '#protocol';
import type { Timers } from './timers.js';

const RETRY_AFTER_MS = 1000;

export interface BufferPoolOptions {
  readonly totalBytes: number;
  readonly maxBlockMs: number;
  readonly timers: Timers;
}

export class BufferPool {
  readonly totalBytes: number;
  readonly #maxBlockMs: number;
  readonly #timers: Timers;
  /** Waiting callers, in the order of their arrival. */
  readonly #waiters = new Set<Waiter>();
  #waitingBytes = 0;
  #availableBytes: number;
  #exhaustedTotal = 0;

  constructor(options: BufferPoolOptions) {
    this.totalBytes = options.totalBytes;
    this.#availableBytes = options.totalBytes;
    this.#maxBlockMs = options.maxBlockMs;
    this.#timers = options.timers;
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
   * @param signal ends the wait: it rejects with REQUEST_TIMED_OUT (failed) and reserves nothing
   * @throws ProtocolError BUFFER_EXHAUSTED after max.block.ms, or at once when too many wait;
   *   REQUEST_TOO_LARGE when the whole pool is smaller than `bytes`
   */
  reserve(bytes: number, signal?: AbortSignal): Promise<void> {
    if (bytes > this.totalBytes) return Promise.reject(this.#neverFits(bytes));
    if (this.tryReserve(bytes)) return Promise.resolve();
    if (this.#waitingBytes + bytes > this.totalBytes) return Promise.reject(this.exhausted());
    if (signal?.aborted === true) return Promise.reject(waitEnded());
    return new Promise((resolve, reject) => this.#enqueue(bytes, signal, resolve, reject));
  }

  /** Returns reserved bytes, and serves waiting callers with them. */
  release(bytes: number): void {
    this.#availableBytes += bytes;
    if (this.#waiters.size > 0) this.#admit();
  }

  /** Counts a refusal and returns its error, for a caller that may not wait. */
  exhausted(): ProtocolError {
    this.#exhaustedTotal += 1;
    return new ProtocolError(
      'BUFFER_EXHAUSTED',
      `The buffer for records that wait to be written is full (${this.totalBytes} bytes). ` +
        'Nothing was written: send the request again later.',
      { retryAfterMs: RETRY_AFTER_MS },
    );
  }

  #enqueue(
    bytes: number,
    signal: AbortSignal | undefined,
    resolve: () => void,
    reject: (error: ProtocolError) => void,
  ): void {
    const refuse = (error: ProtocolError): void => {
      this.#leave(waiter);
      reject(error);
      // The caller that left may have been a large one that blocked all others.
      this.#admit();
    };
    const onAbort = (): void => refuse(waitEnded());
    const timer = this.#timers.after(this.#maxBlockMs, () => refuse(this.exhausted()));
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

  #neverFits(bytes: number): ProtocolError {
    return new ProtocolError(
      'REQUEST_TOO_LARGE',
      `The request's records take ${bytes} bytes, ` +
        `the whole buffer for records has ${this.totalBytes}.`,
    );
  }
}

interface Waiter {
  readonly bytes: number;
  readonly admit: () => void;
  /** Removes the timer and the signal listener. */
  readonly detach: () => void;
}

function waitEnded(): ProtocolError {
  return new ProtocolError(
    'REQUEST_TIMED_OUT',
    'The wait for buffer memory was ended by the caller. Nothing was written.',
    { outcome: 'failed' },
  );
}
