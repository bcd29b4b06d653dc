import type { HighWatermark, Offset } from '#protocol';
import type { AppendResult } from './append-round.js';

interface Waiting {
  readonly result: AppendResult;
  readonly resolve: (result: AppendResult) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Retries of batches that are in the log: answered once the original is below the high watermark,
 * because until then it may still be lost (replication-safety 3.6).
 */
export class DuplicateAnswers {
  #waiting: Waiting[] = [];

  add(waiting: Waiting, highWatermark: HighWatermark): void {
    if (waiting.result.lastOffset < highWatermark) waiting.resolve(waiting.result);
    else this.#waiting.push(waiting);
  }

  highWatermarkMoved(highWatermark: Offset): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = waiting.filter(({ result }) => result.lastOffset >= highWatermark);
    for (const { result, resolve } of waiting) {
      if (result.lastOffset < highWatermark) resolve(result);
    }
  }

  /**
   * Rejects the retries whose originals lie at or above `offset`: they are gone or will never be
   * committed here.
   */
  rejectFrom(offset: Offset, error: unknown): void {
    const waiting = this.#waiting;
    this.#waiting = waiting.filter(({ result }) => result.lastOffset < offset);
    for (const { result, reject } of waiting) if (result.lastOffset >= offset) reject(error);
  }
}
