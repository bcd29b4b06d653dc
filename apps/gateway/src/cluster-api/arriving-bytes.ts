/** A body that comes in pieces. */
export class ArrivingBytes {
  /** As large as was announced; made with the first piece that is not all of it. */
  #whole: Buffer | undefined;
  #pieces: Buffer[] = [];
  #announcedBytes = Number.NaN;
  #sizeBytes = 0;

  /** What has arrived. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** @param sizeBytes of the whole; not a number: nobody knows */
  announced(sizeBytes: number): void {
    this.#announcedBytes = sizeBytes;
  }

  add(piece: Buffer): void {
    // Copied while it is in the processor's cache: joined in the end, large bodies cost twice as
    // much.
    if (piece.length < this.#announcedBytes) {
      this.#whole ??= Buffer.allocUnsafeSlow(this.#announcedBytes);
      piece.copy(this.#whole, this.#sizeBytes);
    } else {
      this.#pieces.push(piece);
    }
    this.#sizeBytes += piece.length;
  }

  /** All of it: what came in one piece is not copied. */
  whole(): Buffer {
    if (this.#whole !== undefined) return this.#whole;
    const [only] = this.#pieces;
    return this.#pieces.length === 1 && only !== undefined
      ? only
      : Buffer.concat(this.#pieces, this.#sizeBytes);
  }
}
