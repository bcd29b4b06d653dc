import type { ByteAccount } from '#record-json';
import type { RequestMemory } from './request-memory.js';

/**
 * What one request holds of the memory that all requests share.
 *
 * Invariant: it is given back exactly once, when nothing refers to the request's bytes any more:
 * the response is closed and no work with them is under way. A client that goes away does not end
 * the work.
 */
export class HeldMemory implements ByteAccount {
  readonly #shared: RequestMemory;
  #heldBytes = 0;
  #worksUnderWay = 0;
  #isClosed = false;

  constructor(shared: RequestMemory) {
    this.#shared = shared;
  }

  /** @throws ProtocolError BUFFER_EXHAUSTED; then nothing was taken */
  hold(sizeBytes: number): void {
    // What still arrives for a client that is gone is dropped.
    if (this.#isClosed) return;
    this.#shared.hold(sizeBytes);
    this.#heldBytes += sizeBytes;
  }

  /** As `hold`, for what is there already and is about to be given back: it is never refused. */
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

  /** The bytes are being worked with: they are kept until `workEnded` is called as often. */
  workBegan(): void {
    this.#worksUnderWay += 1;
  }

  workEnded(): void {
    this.#worksUnderWay -= 1;
    this.#maybeGiveBack();
  }

  /** The response is closed. Called once. */
  close(): void {
    this.#isClosed = true;
    this.#maybeGiveBack();
  }

  #maybeGiveBack(): void {
    if (!this.#isClosed || this.#worksUnderWay > 0) return;
    this.#shared.release(this.#heldBytes);
    this.#heldBytes = 0;
  }
}
