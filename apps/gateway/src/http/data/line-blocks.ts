import { type LineBlock, type LineOptions, NdjsonLines } from '#record-json';

/** Bounds what is parsed and answered in one go, also where every line is a fault of two bytes. */
const LINES_MAX = 1024;

/** Lines of a stream, a bounded number at a time. */
export class LineBlocks {
  readonly #splitter: NdjsonLines;
  #block: LineBlock | undefined;
  /** Lines of the block that were taken. */
  #taken = 0;
  #firstDropped: number | undefined;

  constructor(lineBytesMax: number, options: LineOptions) {
    this.#splitter = new NdjsonLines(lineBytesMax, options);
  }

  /** Number of the first line that was not seen, or was dropped. */
  get nextLine(): number {
    return this.#firstDropped ?? this.#splitter.lineCount + 1;
  }

  /** Lines skipped so far because they are empty or blank. */
  get blankCount(): number {
    return this.#splitter.blankCount;
  }

  /** Bytes of the chunk that was pushed and not wholly taken, and of the line that has begun. */
  get heldBytes(): number {
    return (this.#block?.bytes.length ?? 0) + this.#splitter.heldBytes;
  }

  /** Lets go of the line that has begun: its end will not come. */
  dropBegun(): void {
    this.#splitter.drop();
  }

  /** Lets go of all that was not taken. */
  drop(): void {
    this.#firstDropped = this.#block?.lines[this.#taken];
    this.#block = undefined;
    this.#splitter.drop();
  }

  /** To be called when `next` has nothing more. */
  push(chunk: Buffer): void {
    this.#turnTo(this.#splitter.push(chunk));
  }

  /** The stream has ended: its last line may lack a newline. */
  end(): void {
    this.#turnTo(this.#splitter.end());
  }

  /** The next lines, or undefined when more must be pushed. */
  next(): LineBlock | undefined {
    const block = this.#block;
    if (block === undefined) return undefined;
    const from = this.#taken;
    const to = from + LINES_MAX;
    if (from === 0 && block.lines.length <= LINES_MAX) {
      this.#block = undefined;
      return block;
    }
    this.#taken = to;
    if (to >= block.lines.length) this.#block = undefined;
    return {
      bytes: block.bytes,
      lines: block.lines.slice(from, to),
      starts: block.starts.slice(from, to),
      ends: block.ends.slice(from, to),
    };
  }

  #turnTo(block: LineBlock): void {
    this.#block = block.lines.length === 0 ? undefined : block;
    this.#taken = 0;
  }
}
