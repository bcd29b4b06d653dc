import { ProtocolError } from '#protocol';

/** When to come back after the memory for bodies was used up: others are being answered meanwhile. */
const RETRY_AFTER_MS = 1000;

/**
 * How many bytes of request bodies, as unpacked, the process holds at present. A body holds what has
 * arrived of it, not what it announces, so that a slow client takes no room that it does not use.
 */
export class RequestMemory {
  #heldBytes = 0;

  constructor(private readonly bytesMax: number) {}

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** @throws ProtocolError BUFFER_EXHAUSTED when there is no room; then nothing was taken */
  hold(sizeBytes: number): void {
    if (this.#heldBytes + sizeBytes > this.bytesMax) {
      throw new ProtocolError(
        'BUFFER_EXHAUSTED',
        `The bodies being read take all of the ${this.bytesMax} bytes there are for them.`,
        { retryAfterMs: RETRY_AFTER_MS },
      );
    }
    this.#heldBytes += sizeBytes;
  }

  release(sizeBytes: number): void {
    this.#heldBytes -= sizeBytes;
  }
}
