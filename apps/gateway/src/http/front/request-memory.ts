import { ProtocolError } from '#protocol';
import type { ByteAccount } from '#record-json';

/** Retry delay after the memory for bodies was used up, in which other requests are answered. */
const RETRY_AFTER_MS = 1000;

/**
 * Counts the bytes of clients that the process holds: bodies, WebSocket messages, lines, and the
 * memory to decompress them. A body counts with the bytes that have arrived, not with its announced
 * size, so that a slow client uses only the memory that it needs.
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

  /** @throws ProtocolError BUFFER_EXHAUSTED if there is no room; then nothing was counted */
  hold(sizeBytes: number): void {
    if (!this.hasRoomFor(sizeBytes)) {
      throw new ProtocolError(
        'BUFFER_EXHAUSTED',
        `The bodies being read use all ${this.#bytesMax} bytes of their memory ` +
          '(SLUICE_REQUEST_MEMORY_BYTES).',
        { retryAfterMs: RETRY_AFTER_MS },
      );
    }
    this.#heldBytes += sizeBytes;
  }

  /**
   * Counts bytes that already exist and will be released soon; other requests are refused
   * meanwhile.
   */
  holdAnyway(sizeBytes: number): void {
    this.#heldBytes += sizeBytes;
  }

  release(sizeBytes: number): void {
    this.#heldBytes -= sizeBytes;
  }
}
