/** Effect of a failed write: it is not in the log, it may be, or it is. */
export type Outcome = 'failed' | 'unknown' | 'applied';

/** One fault of a request: where it is (RFC 6901, or `?name`), and what is wrong with it. */
export interface RequestFault {
  /** Place in the body (RFC 6901), or `?name` of a parameter. */
  readonly pointer: string;
  /** Description of the fault, for people. */
  readonly detail: string;
}

/** Members of an error. */
export interface ErrorDetails {
  readonly status?: number | undefined;
  readonly retriable?: boolean | undefined;
  readonly outcome?: Outcome | undefined;
  readonly errors?: readonly RequestFault[] | undefined;
  readonly cause?: unknown;
  readonly retryAfterMs?: number | undefined;
  /** Further members of the problem document, such as `logStartOffset`. */
  readonly problem?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * The error of every call of this library. Programs decide by `code`, Kafka's name of the error.
 * `NETWORK_EXCEPTION` means that there was no answer.
 */
export class SluiceError extends Error {
  /** Name of the class. */
  override readonly name = 'SluiceError';
  /** Kafka's name of the error, such as `NOT_ENOUGH_REPLICAS`. */
  readonly code: string;
  /** HTTP status of the answer; undefined if there was none. */
  readonly status: number | undefined;
  /** True if the same call may succeed later. */
  readonly retriable: boolean;
  /** Effect of a call that writes. */
  readonly outcome: Outcome | undefined;
  /** Description of the fault, for people. */
  readonly detail: string;
  /** Faults of a request, one by one; empty for other errors. */
  readonly errors: readonly RequestFault[];
  /** Time after which the gateway asks for a repetition, ms. */
  readonly retryAfterMs: number | undefined;
  /** All members of the problem document that the gateway answered with. */
  readonly problem: Readonly<Record<string, unknown>>;

  /** @internal The client makes it. */
  constructor(code: string, detail: string, details: ErrorDetails = {}) {
    super(`${code}: ${detail}`, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.detail = detail;
    this.status = details.status;
    this.retriable = details.retriable ?? false;
    this.outcome = details.outcome;
    this.errors = details.errors ?? [];
    this.retryAfterMs = details.retryAfterMs;
    this.problem = details.problem ?? {};
  }
}

/** The problem document of an answer (RFC 9457), as parsed JSON. */
export type ProblemJson = Readonly<Record<string, unknown>>;

/** Returns the error for a problem document. */
export function problemError(
  problem: ProblemJson,
  status?: number,
  retryAfterMs?: number,
): SluiceError {
  const { code, detail, title, retriable, outcome, errors } = problem;
  return new SluiceError(text(code) ?? 'UNKNOWN_SERVER_ERROR', text(detail) ?? text(title) ?? '', {
    status: status ?? (typeof problem['status'] === 'number' ? problem['status'] : undefined),
    retriable: retriable === true,
    // Only writes have an outcome: whatever else failed has had no effect.
    outcome: (outcome as Outcome | undefined) ?? 'failed',
    errors: errors as readonly RequestFault[] | undefined,
    retryAfterMs,
    problem,
  });
}

/** Returns the error of a call that got no answer. */
export function networkError(detail: string, outcome: Outcome, cause?: unknown): SluiceError {
  return new SluiceError('NETWORK_EXCEPTION', detail, { retriable: true, outcome, cause });
}

/** Returns the error of a wrong option or argument, which names it. */
export function optionError(name: string, accepted: string): SluiceError {
  return new SluiceError('INVALID_CONFIG', `${name}: ${accepted}.`, { outcome: 'failed' });
}

/** Returns the error of a call on something that is closed. */
export function closedError(what: string): SluiceError {
  return new SluiceError('ILLEGAL_STATE', `This ${what} is closed.`, { outcome: 'failed' });
}

/** Returns the error of work on a partition that another member has. */
export function lostError(): SluiceError {
  const detail = 'Another member has this partition now.';
  return new SluiceError('ILLEGAL_GENERATION', detail, { outcome: 'failed' });
}

export function hasCode(error: unknown, code: string): error is SluiceError {
  return error instanceof SluiceError && error.code === code;
}

export function isRetriable(error: unknown): boolean {
  return error instanceof SluiceError && error.retriable;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
