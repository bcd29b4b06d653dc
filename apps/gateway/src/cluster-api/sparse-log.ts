import type { LogFields, Logger } from '#runtime';

/** A line of one kind is not written again for so long. */
const SILENCE_MS = 10_000;
/** Kinds that are told apart. */
const KINDS_MAX = 1000;

/** Warns of what may happen thousands of times a second: of each kind once in a while, and how often. */
export class SparseLog {
  readonly #lastAtMs = new Map<string, number>();
  readonly #suppressed = new Map<string, number>();

  constructor(private readonly logger: Logger) {}

  warn(kind: string, fields: LogFields, message: string): void {
    const nowMs = performance.now();
    const lastAtMs = this.#lastAtMs.get(kind);
    if (lastAtMs !== undefined && nowMs - lastAtMs < SILENCE_MS) {
      this.#suppressed.set(kind, (this.#suppressed.get(kind) ?? 0) + 1);
      return;
    }
    if (this.#lastAtMs.size >= KINDS_MAX) this.#forgetAll();
    const suppressed = this.#suppressed.get(kind);
    this.#suppressed.delete(kind);
    this.#lastAtMs.set(kind, nowMs);
    this.logger.warn(suppressed === undefined ? fields : { ...fields, suppressed }, message);
  }

  /** The next line of this kind is news. */
  forget(kind: string): void {
    this.#lastAtMs.delete(kind);
    this.#suppressed.delete(kind);
  }

  #forgetAll(): void {
    this.#lastAtMs.clear();
    this.#suppressed.clear();
  }
}
