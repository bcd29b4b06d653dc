import type { ByteAccount } from '#runtime';
import { SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN, segmentPool } from './segment-pool.js';

/** Factor by which each segment is larger than the one before, up to the largest. */
const GROWTH = 4;

/**
 * Received bytes, in segments that are accounted for when they are allocated. Received pieces are
 * copied: small ones would cost an object each, and would keep the buffers that they were read into
 * alive.
 */
export class ByteSegments {
  readonly #account: ByteAccount;
  #segments: Buffer[] = [];
  #nextBytes: number = SEGMENT_BYTES_MIN;
  /** Free bytes of the last segment. */
  #roomBytes = 0;
  #heldBytes = 0;
  #sizeBytes = 0;

  constructor(account: ByteAccount) {
    this.#account = account;
  }

  /** Number of bytes that were added. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Bytes of memory that the segments take. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /**
   * Adds bytes of a piece.
   * @param expectedBytes number of bytes to come, these included, as far as known
   * @throws ProtocolError BUFFER_EXHAUSTED; the caller must then drop the segments
   */
  add(piece: Buffer, from: number, to: number, expectedBytes: number): void {
    let position = from;
    while (position < to) {
      if (this.#roomBytes === 0) {
        this.#addSegment(Math.max(expectedBytes - (position - from), to - position));
      }
      const last = this.#segments.at(-1) as Buffer;
      const copied = piece.copy(last, last.length - this.#roomBytes, position, to);
      this.#roomBytes -= copied;
      position += copied;
    }
    this.#sizeBytes += to - from;
  }

  /**
   * Copies all bytes into one buffer.
   * @param behind bytes to append at its end
   */
  joined(behind?: Buffer): Buffer {
    const behindBytes = behind?.length ?? 0;
    const joined = Buffer.allocUnsafeSlow(this.#sizeBytes + behindBytes);
    let position = 0;
    for (const segment of this.#segments) {
      position += segment.copy(
        joined,
        position,
        0,
        Math.min(segment.length, this.#sizeBytes - position),
      );
    }
    behind?.copy(joined, position);
    return joined;
  }

  /** Frees all segments. */
  drop(): void {
    this.#account.release(this.#heldBytes);
    for (const segment of this.#segments) segmentPool.giveBack(segment);
    this.#segments = [];
    this.#nextBytes = SEGMENT_BYTES_MIN;
    this.#roomBytes = 0;
    this.#heldBytes = 0;
    this.#sizeBytes = 0;
  }

  #addSegment(expectedBytes: number): void {
    const sizeBytes = segmentPool.sizeFor(Math.min(expectedBytes, this.#nextBytes));
    this.#account.hold(sizeBytes);
    this.#segments.push(segmentPool.take(sizeBytes));
    this.#heldBytes += sizeBytes;
    this.#roomBytes = sizeBytes;
    this.#nextBytes = Math.min(SEGMENT_BYTES_MAX, this.#nextBytes * GROWTH);
  }
}
