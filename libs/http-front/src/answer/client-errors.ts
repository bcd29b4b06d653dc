import { statusOf } from '#api';
import { ProtocolError } from '#protocol';
import { kindOfError, type Logger, type SparseLog, sparseLogOf } from '#runtime';

/**
 * The errors of one gateway's requests, messages and lines: every error passes here before it
 * reaches a client. An error that is not a `ProtocolError` is a bug or a storage fault: it is
 * logged with its cause and stack, and the client learns only that it happened.
 */
export class ClientErrors {
  readonly #log: SparseLog;
  readonly #boundRefusals = new Map<string, number>();

  constructor(logger: Logger) {
    this.#log = sparseLogOf(logger);
  }

  /** Refusals because of an exceeded bound, by its setting, since the gateway started. */
  get boundRefusals(): ReadonlyMap<string, number> {
    return this.#boundRefusals;
  }

  /**
   * Returns the error as the client may see it: itself if the contract has it, else
   * UNKNOWN_SERVER_ERROR. The log gets the original error, at most one line in ten seconds per
   * error and stack.
   */
  toProtocolError(error: unknown): ProtocolError {
    if (error instanceof ProtocolError) {
      this.#countBound(error);
      if (statusOf(error.code) >= 500 && error.cause !== undefined) {
        const fields = { err: error };
        this.#log.warn(kindOfError(error), fields, 'a request ended in a server error');
      }
      return error;
    }
    const fields = { err: error };
    this.#log.error(kindOfError(error), fields, 'a request met an unexpected error');
    return new ProtocolError(
      'UNKNOWN_SERVER_ERROR',
      'An unexpected error occurred; the log of the broker has the details.',
      { cause: error },
    );
  }

  #countBound({ bound }: ProtocolError): void {
    if (bound === undefined) return;
    this.#boundRefusals.set(bound, (this.#boundRefusals.get(bound) ?? 0) + 1);
  }
}
