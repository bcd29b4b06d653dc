import { ProtocolError } from '#protocol';
import type { ByteAccount } from '#record-json';

/**
 * When to come back after the memory for bodies was used up: others are being answered meanwhile.
 */
const RETRY_AFTER_MS = 1000;

/**
 * How many bytes of what clients sent the process holds at present: bodies, WebSocket messages,
 * lines, and what unpacking them takes. A body counts as much as has arrived of it, not what it
 * announces, so that a slow client takes no room that it does not use.
 */
export class RequestMemory implements ByteAccount {
  #heldBytes = 0;
  readonly #bytesMax: number;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  hasRoomFor(sizeBytes: number): boolean {
    return this.#heldBytes + sizeBytes <= this.#bytesMax;
  }

  /** @throws ProtocolError BUFFER_EXHAUSTED when there is no room; then nothing was taken */
  hold(sizeBytes: number): void {
    if (!this.hasRoomFor(sizeBytes)) {
      throw new ProtocolError(
        'BUFFER_EXHAUSTED',
        `The bodies being read take all of the ${this.#bytesMax} bytes there are for them ` +
          '(SLUICE_REQUEST_MEMORY_BYTES).',
        { retryAfterMs: RETRY_AFTER_MS },
      );
    }
    this.#heldBytes += sizeBytes;
  }

  /** Counts what is there already and is about to be given back: others are refused meanwhile. */
  holdAnyway(sizeBytes: number): void {
    this.#heldBytes += sizeBytes;
  }

  release(sizeBytes: number): void {
    this.#heldBytes -= sizeBytes;
  }
}
