import type { OwnedPartition } from './owned-partition.js';

/** Offset after the last finished record of each partition. */
export type DoneOffsets = ReadonlyMap<OwnedPartition, number>;

export interface LoopCommitsOptions {
  /** Rejects when the loop must end with the error. */
  commit(offsets: DoneOffsets): Promise<void>;
  /** A commit has failed: `assertNotFailed` throws its error. */
  failed(): void;
}

/** Shortest time between two commits of a loop that is behind, ms. */
const INTERVAL_MS = 50;

/**
 * Commits the batches that a loop has finished while the loop works on the next ones. One request
 * is under way at a time; the next one has the newest offset of each partition.
 *
 * Overlap: all calls may overlap.
 */
export class LoopCommits {
  readonly #options: LoopCommitsOptions;
  #waiting = new Map<OwnedPartition, number>();
  /** True when the waiting offsets are committed without a further delay. */
  #isDue = false;
  #running: Promise<void> | undefined;
  /** Time of the last request, ms. */
  #begunMs = Number.NEGATIVE_INFINITY;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(options: LoopCommitsOptions) {
    this.#options = options;
  }

  /**
   * Commits an offset soon.
   * @param isBehind true: the loop gets further batches at once, and the commit may wait for them
   */
  add(owned: OwnedPartition, offset: number, isBehind: boolean): void {
    this.#waiting.set(owned, offset);
    if (!isBehind) this.#isDue = true;
    this.#maybeBegin();
  }

  /** Commits all waiting offsets; resolves when no request is under way. Never rejects. */
  async flush(): Promise<void> {
    this.#isDue = this.#waiting.size > 0;
    this.#maybeBegin();
    while (this.#running !== undefined) await this.#running;
  }

  /** @throws the error of a commit, once: the next loop begins without it */
  assertNotFailed(): void {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure.error;
  }

  #maybeBegin(): void {
    if (this.#running !== undefined || this.#waiting.size === 0) return;
    const nowMs = performance.now();
    const waitMs = this.#isDue ? 0 : this.#begunMs + INTERVAL_MS - nowMs;
    if (waitMs > 0) {
      this.#timer ??= setTimeout(() => this.#timeOver(), waitMs);
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isDue = false;
    this.#begunMs = nowMs;
    const offsets = this.#waiting;
    this.#waiting = new Map();
    this.#running = this.#run(offsets);
  }

  #timeOver(): void {
    this.#timer = undefined;
    this.#maybeBegin();
  }

  /** Never rejects. */
  async #run(offsets: DoneOffsets): Promise<void> {
    try {
      await this.#options.commit(offsets);
    } catch (error) {
      this.#failure = { error };
      this.#options.failed();
    }
    this.#running = undefined;
    this.#maybeBegin();
  }
}
