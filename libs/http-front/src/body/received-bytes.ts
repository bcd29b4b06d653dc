import { ByteSegments } from '#record-json';
import type { ByteAccount } from '#runtime';

/**
 * A body as it arrives, counted as memory. A body in one piece is kept without a copy; further
 * pieces are collected in segments, which are joined at the end.
 */
export class ReceivedBytes {
  readonly #account: ByteAccount;
  readonly #announcedBytes: number;
  /** The first piece, until there is another. */
  #only: Buffer | undefined;
  readonly #segments: ByteSegments;

  /** @param announcedBytes size of the whole body; Infinity if it is unknown */
  constructor(account: ByteAccount, announcedBytes = Number.POSITIVE_INFINITY) {
    this.#account = account;
    this.#announcedBytes = announcedBytes;
    this.#segments = new ByteSegments(account);
  }

  get sizeBytes(): number {
    return this.#only?.length ?? this.#segments.sizeBytes;
  }

  /** @throws ProtocolError BUFFER_EXHAUSTED; then the caller must drop it */
  add(piece: Buffer): void {
    const only = this.#only;
    if (only === undefined && this.#segments.sizeBytes === 0) {
      this.#account.hold(piece.length);
      this.#only = piece;
      return;
    }
    if (only !== undefined) {
      this.#gather(only);
      this.#only = undefined;
      this.#account.release(only.length);
    }
    this.#gather(piece);
  }

  /** Returns all bytes that have arrived in one buffer, which stays counted until `drop`. */
  whole(): Buffer {
    if (this.#only !== undefined) return this.#only;
    const joined = this.#segments.joined();
    this.#segments.drop();
    this.#account.hold(joined.length);
    this.#only = joined;
    return joined;
  }

  /** Frees everything. */
  drop(): void {
    this.#account.release(this.#only?.length ?? 0);
    this.#only = undefined;
    this.#segments.drop();
  }

  #gather(piece: Buffer): void {
    const expectedBytes = this.#announcedBytes - this.#segments.sizeBytes;
    this.#segments.add(piece, 0, piece.length, expectedBytes);
  }
}
