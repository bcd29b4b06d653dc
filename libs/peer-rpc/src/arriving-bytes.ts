/** A body that arrives in pieces. */
export class ArrivingBytes {
  /** Buffer of the announced size; created with the first piece that is not the whole body. */
  #whole: Buffer | undefined;
  #pieces: Buffer[] = [];
  #announcedBytes = Number.NaN;
  #sizeBytes = 0;

  /** Bytes that have arrived. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** @param sizeBytes size of the whole body; NaN if it is unknown */
  announced(sizeBytes: number): void {
    this.#announcedBytes = sizeBytes;
  }

  add(piece: Buffer): void {
    // Each piece is copied while it is in the processor's cache; joining at the end costs twice as
    // much for large bodies.
    if (piece.length < this.#announcedBytes) {
      this.#whole ??= Buffer.allocUnsafeSlow(this.#announcedBytes);
      piece.copy(this.#whole, this.#sizeBytes);
    } else {
      this.#pieces.push(piece);
    }
    this.#sizeBytes += piece.length;
  }

  /** The whole body; a body that arrived in one piece is not copied. */
  whole(): Buffer {
    if (this.#whole !== undefined) return this.#whole;
    const [only] = this.#pieces;
    return this.#pieces.length === 1 && only !== undefined
      ? only
      : Buffer.concat(this.#pieces, this.#sizeBytes);
  }
}
