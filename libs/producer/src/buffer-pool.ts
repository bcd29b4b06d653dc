/**
 * The bound on bytes of records that wait to be written or are being written (`buffer.memory`).
 *
 * It keeps count, it owns no memory. Who finds it full waits in line, first come first served, for
 * at most `max.block.ms`. Those who wait hold their bytes already, so they are bounded too:
 * together they hold at most as much as the pool, and whoever comes beyond that is refused at once.
 *
 * Invariant: 0 <= availableBytes <= totalBytes; while anyone waits, nobody overtakes them.
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
  /** In the order of their arrival. */
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

  /** How many wait now. */
  get waiters(): number {
    return this.#waiters.size;
  }

  /** How many were refused with BUFFER_EXHAUSTED so far. */
  get exhaustedTotal(): number {
    return this.#exhaustedTotal;
  }

  /** Reserves now or not at all. */
  tryReserve(bytes: number): boolean {
    if (this.#waiters.size > 0 || bytes > this.#availableBytes) return false;
    this.#availableBytes -= bytes;
    return true;
  }

  /**
   * Reserves `bytes`, if need be after a wait. Whoever got them gives them back with `release`.
   * @param signal ends the wait: it rejects with REQUEST_TIMED_OUT (failed) and holds nothing
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

  /** Gives back what was reserved, and lets those in line have it. */
  release(bytes: number): void {
    this.#availableBytes += bytes;
    if (this.#waiters.size > 0) this.#admit();
  }

  /** Counts and makes the refusal, for a caller that may not wait. */
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
    const giveUp = (error: ProtocolError): void => {
      this.#leave(waiter);
      reject(error);
      // The one who left may have been the large one that all others waited behind.
      this.#admit();
    };
    const onAbort = (): void => giveUp(waitEnded());
    const timer = this.#timers.after(this.#maxBlockMs, () => giveUp(this.exhausted()));
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
  /** Forgets its timer and its signal. */
  readonly detach: () => void;
}

function waitEnded(): ProtocolError {
  return new ProtocolError(
    'REQUEST_TIMED_OUT',
    'The wait for buffer memory was ended by the caller. Nothing was written.',
    { outcome: 'failed' },
  );
}
