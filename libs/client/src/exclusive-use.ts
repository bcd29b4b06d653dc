import { closedError, SluiceError } from './sluice-error.js';

/**
 * The use of a consumer or a queue: one loop or `run` reads it at a time, until it is closed.
 *
 * Overlap: all calls may overlap.
 */
export class ExclusiveUse {
  readonly #what: string;
  readonly #closing = new AbortController();
  #closed: Promise<void> | undefined;
  #isReading = false;

  /** @param what the noun in errors */
  constructor(what: string) {
    this.#what = what;
  }

  /** Aborted when the closing begins; the reason is the error of later calls. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** @throws SluiceError ILLEGAL_STATE when it is closed, or when another loop or `run` reads */
  begin(): void {
    this.closing.throwIfAborted();
    if (this.#isReading) {
      throw new SluiceError('ILLEGAL_STATE', `Another loop or \`run\` reads this ${this.#what}.`);
    }
    this.#isReading = true;
  }

  /** The loop or `run` has ended. */
  end(): void {
    this.#isReading = false;
  }

  /** Closes it. All calls return the promise of the first one. */
  close(work: () => Promise<void>): Promise<void> {
    // A listener of the signal may call this again.
    this.#closed ??= Promise.resolve().then(work);
    this.#closing.abort(closedError(this.#what));
    return this.#closed;
  }
}
