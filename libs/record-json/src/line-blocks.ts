import { type LineBlock, type LineOptions, NdjsonLines } from './ndjson-lines.js';

/** Bounds the lines parsed and answered at once, even if every line is a fault of two bytes. */
const LINES_MAX = 1024;

/** The lines of a stream, a bounded number at a time. */
export class LineBlocks {
  readonly #splitter: NdjsonLines;
  #block: LineBlock | undefined;
  /** Lines of the block that were returned. */
  #taken = 0;
  #firstDropped: number | undefined;

  constructor(lineBytesMax: number, options: LineOptions) {
    this.#splitter = new NdjsonLines(lineBytesMax, options);
  }

  /** Number of the first line that was not returned, or was dropped. */
  get nextLine(): number {
    return this.#firstDropped ?? this.#splitter.lineCount + 1;
  }

  /** Empty or blank lines skipped so far. */
  get blankCount(): number {
    return this.#splitter.blankCount;
  }

  /** Bytes of the current chunk that are not consumed, and of the unfinished line. */
  get heldBytes(): number {
    return (this.#block?.bytes.length ?? 0) + this.#splitter.heldBytes;
  }

  /** Drops the unfinished line, because its end will not arrive. */
  dropBegun(): void {
    this.#splitter.drop();
  }

  /** Drops everything that was not returned. */
  drop(): void {
    this.#firstDropped = this.#block?.lines[this.#taken];
    this.#block = undefined;
    this.#splitter.drop();
  }

  /** Adds a chunk; call it only after `next` has returned undefined. */
  push(chunk: Buffer): void {
    this.#turnTo(this.#splitter.push(chunk));
  }

  /** Marks the end of the stream: its last line may lack a newline. */
  end(): void {
    this.#turnTo(this.#splitter.end());
  }

  /** Returns the next lines, or undefined if more data must be pushed. */
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
