import { ERROR_CODES, type ErrorCode, type Outcome } from './error-codes.js';

/**
 * One fault of a request body or query: its location (RFC 6901 pointer into the body, or `?name`)
 * and its description.
 */
export interface Fault {
  readonly pointer: string;
  readonly detail: string;
}

/** Number of faults of one error that are described; the others are only counted. */
export const FAULTS_DESCRIBED_MAX = 20;

/** Optional parts of an error besides its code and sentence. */
export interface ProtocolErrorOptions {
  readonly cause?: unknown;
  /** Overrides the table's outcome where this code can end both ways. */
  readonly outcome?: Outcome;
  /** Overrides the table's retriable. */
  readonly retriable?: boolean;
  /** Faults found in the request, with their locations: all of them, or the first ones. */
  readonly faults?: readonly Fault[];
  /** Number of faults; default: the length of `faults`. */
  readonly faultCount?: number;
  /** Members added to the problem document: camelCase names, JSON values. */
  readonly members?: Readonly<Record<string, string | number | boolean | null>>;
  /** Time after which the client should retry, ms, for 429 and 503; 1 s where none is given. */
  readonly retryAfterMs?: number | undefined;
  /** Name of the setting whose bound the request exceeds. */
  readonly bound?: string;
}

/**
 * An error of the public contract: the client receives it with its code. Anything else that is
 * thrown is a bug or a storage error and never becomes a 4xx.
 */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
  readonly code: ErrorCode;
  readonly retriable: boolean;
  readonly outcome: Outcome;
  /** The first faults, at most FAULTS_DESCRIBED_MAX. */
  readonly faults: readonly Fault[];
  /** Number of faults that are not in `faults`. */
  readonly faultsOmitted: number;
  readonly members: Readonly<Record<string, string | number | boolean | null>>;
  readonly retryAfterMs: number | undefined;
  /** Name of the setting whose bound the request exceeds. */
  readonly bound: string | undefined;

  /**
   * @param detail a sentence for a person: what was wrong and what is accepted, without paths and
   *   stacks
   */
  constructor(code: ErrorCode, detail: string, options: ProtocolErrorOptions = {}) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    const entry = ERROR_CODES[code];
    const faults = options.faults ?? [];
    this.code = code;
    this.retriable = options.retriable ?? entry.retriable;
    this.outcome = options.outcome ?? entry.outcome;
    this.faults =
      faults.length > FAULTS_DESCRIBED_MAX ? faults.slice(0, FAULTS_DESCRIBED_MAX) : faults;
    this.faultsOmitted = Math.max(0, (options.faultCount ?? faults.length) - this.faults.length);
    this.members = options.members ?? {};
    this.retryAfterMs = options.retryAfterMs;
    this.bound = options.bound;
  }

  /**
   * The same error with other faults, for example with pointers into another text.
   * @param faultCount number of faults; default: those given plus as many as this error omits
   */
  withFaults(
    faults: readonly Fault[],
    faultCount = faults.length + this.faultsOmitted,
  ): ProtocolError {
    const { code, message, cause, outcome, retriable, members, retryAfterMs, bound } = this;
    return new ProtocolError(code, message, {
      cause,
      outcome,
      retriable,
      members,
      faults,
      faultCount,
      ...(bound === undefined ? {} : { bound }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  }
}
