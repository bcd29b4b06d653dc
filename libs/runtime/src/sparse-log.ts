import type { LogFields, Logger } from './logger.js';

/** Minimum interval between lines of one kind. */
const SILENCE_MS = 10_000;
/** Maximum number of distinguished kinds. */
const KINDS_MAX = 1000;
/** Maximum characters of an error that determine its kind. */
const KIND_LENGTH_MAX = 4000;
/**
 * Collects all further kinds, because the number of kinds that a client can invent is bounded as
 * well.
 */
const OTHER_KINDS = 'other';

interface WrittenKind {
  readonly atMs: number;
  /** Lines suppressed since then. */
  suppressed: number;
}

/**
 * Writes lines that clients can provoke thousands of times a second: at most one line of each kind
 * in ten seconds, with the number of suppressed lines since the last one (`suppressed`).
 */
export class SparseLog {
  readonly #logger: Logger;
  readonly #nowMs: () => number;
  readonly #written = new Map<string, WrittenKind>();

  /** @param nowMs a monotonic clock */
  constructor(logger: Logger, nowMs: () => number = () => performance.now()) {
    this.#logger = logger;
    this.#nowMs = nowMs;
  }

  warn(kind: string, fields: LogFields, message: string): void {
    const counted = this.#counted(kind, fields);
    if (counted !== undefined) this.#logger.warn(counted, message);
  }

  error(kind: string, fields: LogFields, message: string): void {
    const counted = this.#counted(kind, fields);
    if (counted !== undefined) this.#logger.error(counted, message);
  }

  /** Makes the next line of this kind appear at once. */
  forget(kind: string): void {
    this.#written.delete(kind);
  }

  /** @returns undefined if the line is suppressed */
  #counted(text: string, fields: LogFields): LogFields | undefined {
    const nowMs = this.#nowMs();
    const kind = this.#kept(text, nowMs);
    const last = this.#written.get(kind);
    if (last !== undefined && nowMs - last.atMs < SILENCE_MS) {
      last.suppressed += 1;
      return undefined;
    }
    this.#written.set(kind, { atMs: nowMs, suppressed: 0 });
    const suppressed = last?.suppressed ?? 0;
    return suppressed === 0 ? fields : { ...fields, suppressed };
  }

  #kept(kind: string, nowMs: number): string {
    if (this.#written.has(kind) || this.#written.size < KINDS_MAX) return kind;
    // The sweep runs once in ten seconds, together with a line of the other kinds.
    const others = this.#written.get(OTHER_KINDS);
    if (others !== undefined && nowMs - others.atMs < SILENCE_MS) return OTHER_KINDS;
    for (const [written, { atMs }] of this.#written) {
      if (written !== OTHER_KINDS && nowMs - atMs >= SILENCE_MS) this.#written.delete(written);
    }
    return this.#written.size < KINDS_MAX ? kind : OTHER_KINDS;
  }
}

const logs = new WeakMap<Logger, SparseLog>();

/**
 * Returns the sparse log of a logger for faults without an owner, such as bugs during a request.
 */
export function sparseLogOf(logger: Logger): SparseLog {
  const existing = logs.get(logger);
  if (existing !== undefined) return existing;
  const created = new SparseLog(logger);
  logs.set(logger, created);
  return created;
}

/** Returns the kind of an unexpected error: its message and stack, up to a bound. */
export function kindOfError(error: unknown): string {
  const kind = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return kind.slice(0, KIND_LENGTH_MAX);
}
