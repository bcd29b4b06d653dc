import type { CreateError, ProduceFailure, ProduceOutcome } from '../produce-transport.js';

/** The error class of tests, in place of the client library's. */
export class TestError extends Error implements ProduceFailure {
  readonly code: string;
  readonly retriable: boolean;
  readonly outcome: ProduceOutcome;
  retryAfterMs: number | undefined;

  constructor(code: string, detail: string, options: Parameters<CreateError>[2]) {
    super(detail, { cause: options.cause });
    this.code = code;
    this.retriable = options.retriable;
    this.outcome = options.outcome;
  }
}

export const createTestError: CreateError = (...values) => new TestError(...values);
