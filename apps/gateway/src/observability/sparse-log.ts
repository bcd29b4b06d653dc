import type { LogFields, Logger } from '#runtime';

/** A line of one kind is not written again for so long. */
const SILENCE_MS = 10_000;
/** Kinds that are told apart. */
const KINDS_MAX = 1000;
/** Characters of an error that make its kind. */
const KIND_LENGTH_MAX = 4000;
/** Stands for all further kinds: who makes up new ones is limited, too. */
const OTHER_KINDS = 'other';

interface WrittenKind {
  readonly atMs: number;
  /** Lines that were left out since. */
  suppressed: number;
}

/**
 * Writes what others can provoke thousands of times a second: a line of each kind at most once in
 * ten seconds, with the number of those that were left out since the last one (`suppressed`).
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

  /** The next line of this kind is news. */
  forget(kind: string): void {
    this.#written.delete(kind);
  }

  /** @returns undefined when the line is to be left out */
  #counted(asked: string, fields: LogFields): LogFields | undefined {
    const nowMs = this.#nowMs();
    const kind = this.#kept(asked, nowMs);
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
    // The sweep is made once in ten seconds: it goes along with a line of the other kinds.
    const others = this.#written.get(OTHER_KINDS);
    if (others !== undefined && nowMs - others.atMs < SILENCE_MS) return OTHER_KINDS;
    for (const [written, { atMs }] of this.#written) {
      if (written !== OTHER_KINDS && nowMs - atMs >= SILENCE_MS) this.#written.delete(written);
    }
    return this.#written.size < KINDS_MAX ? kind : OTHER_KINDS;
  }
}

const logs = new WeakMap<Logger, SparseLog>();

/** The sparse log of a logger for faults that have no owner, such as bugs that a request meets. */
export function sparseLogOf(logger: Logger): SparseLog {
  const present = logs.get(logger);
  if (present !== undefined) return present;
  const made = new SparseLog(logger);
  logs.set(logger, made);
  return made;
}

/**
 * The kind of an unexpected error: its message with its stack, as far as is needed to tell them
 * apart.
 */
export function kindOfError(error: unknown): string {
  const kind = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return kind.slice(0, KIND_LENGTH_MAX);
}
