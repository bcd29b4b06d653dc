import type { ByteAccount, SharedAccount } from './byte-account.js';

/**
 * The share of one request in the memory that all requests share.
 *
 * Invariant: it is released exactly once, when nothing refers to the request's bytes any more: the
 * response is closed and no work with them is in progress. A disconnect of the client does not end
 * the work.
 */
export class HeldMemory implements ByteAccount {
  readonly #shared: SharedAccount;
  #heldBytes = 0;
  #worksUnderWay = 0;
  #isClosed = false;

  constructor(shared: SharedAccount) {
    this.#shared = shared;
  }

  /** @throws Error of the budget if there is no room; then nothing was counted */
  hold(sizeBytes: number): void {
    // Bytes that still arrive for a disconnected client are dropped.
    if (this.#isClosed) return;
    this.#shared.hold(sizeBytes);
    this.#heldBytes += sizeBytes;
  }

  /** Like `hold`, for bytes that already exist and will be released soon: it never refuses. */
  holdAnyway(sizeBytes: number): void {
    if (this.#isClosed) return;
    this.#shared.holdAnyway(sizeBytes);
    this.#heldBytes += sizeBytes;
  }

  release(sizeBytes: number): void {
    if (this.#isClosed) return;
    this.#shared.release(sizeBytes);
    this.#heldBytes -= sizeBytes;
  }

  /** Marks the bytes as in use: they are kept until `workEnded` is called as often. */
  workBegan(): void {
    this.#worksUnderWay += 1;
  }

  workEnded(): void {
    this.#worksUnderWay -= 1;
    this.#maybeGiveBack();
  }

  /** Marks the response as closed. Called once. */
  close(): void {
    this.#isClosed = true;
    this.#maybeGiveBack();
  }

  #maybeGiveBack(): void {
    if (!this.#isClosed || this.#worksUnderWay > 0 || this.#heldBytes === 0) return;
    this.#shared.release(this.#heldBytes);
    this.#heldBytes = 0;
  }
}
