import type { Position } from '../received-record.js';
import { observed } from '../waiting.js';

/**
 * Commits the batches that a loop is done with while the loop works on the next ones. One request
 * is under way at a time; the next one has the newest position of each partition.
 *
 * Overlap: all calls may overlap.
 */
export class LoopCommits {
  readonly #commit: (positions: readonly Position[]) => Promise<void>;
  #waiting = new Map<string, Position>();
  #running: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  /** @param commit rejects when the loop is to end with the error */
  constructor(commit: (positions: readonly Position[]) => Promise<void>) {
    this.#commit = commit;
  }

  /** Commits a position soon. @throws the error of an earlier commit */
  add(position: Position): void {
    this.#assertNotFailed();
    this.#waiting.set(`${position.topic}:${position.partition}`, position);
    this.#running ??= observed(this.#run());
  }

  /** Resolves when all that was added is committed. @throws the error of a commit */
  async idle(): Promise<void> {
    await this.settled();
    this.#assertNotFailed();
  }

  /** Resolves when no request is under way. */
  async settled(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    try {
      while (this.#waiting.size > 0) {
        const positions = [...this.#waiting.values()];
        this.#waiting = new Map();
        await this.#commit(positions);
      }
    } catch (error) {
      this.#failure = { error };
    } finally {
      this.#running = undefined;
    }
  }

  /** A failure is told once: the next loop begins anew. */
  #assertNotFailed(): void {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure.error;
  }
}
