import { writeSync } from 'node:fs';

/** Bytes of lines that are kept while they cannot be written; further lines are lost. */
export const KEPT_BYTES_MAX = 256 * 1024;

/** Milliseconds between two attempts to write to a pipe that is full. */
const PIPE_PAUSE_MS = 5;
/** Attempts to write to a pipe that is full, before its reader counts as stalled. */
const PIPE_ATTEMPTS = 20;

export interface LineWriterOptions {
  /** A file, pipe or terminal that is open for writing, and stays so. */
  readonly descriptor: number;
  /** Called when lines cannot be written any more, once for each period. May write lines. */
  readonly failed: (error: NodeJS.ErrnoException) => void;
  /** Called when lines can be written again, with how many were lost. May write lines. */
  readonly recovered: (lostLines: number) => void;
}

/**
 * Writes lines to a file descriptor before it returns, because the last line before a crash matters
 * most. It never throws: a full disk, a closed pipe or a stalled reader does not stop the broker.
 * Lines that cannot be written are kept and written before the next one, up to `KEPT_BYTES_MAX`.
 */
export class LineWriter {
  readonly #options: LineWriterOptions;
  readonly #pause = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  readonly #kept: Buffer[] = [];
  #keptBytes = 0;
  #isFailing = false;
  #lostInPeriod = 0;
  #lostTotal = 0;

  constructor(options: LineWriterOptions) {
    this.#options = options;
  }

  /** Lines that were lost since the start. */
  get lostTotal(): number {
    return this.#lostTotal;
  }

  /** Writes a line, which ends with its line break. */
  write(line: string): void {
    const bytes = Buffer.from(line);
    if (this.#keptBytes + bytes.length > KEPT_BYTES_MAX && !this.#writeKept()) {
      this.#lostTotal += 1;
      this.#lostInPeriod += 1;
      return;
    }
    this.#kept.push(bytes);
    this.#keptBytes += bytes.length;
    this.#writeKept();
  }

  /** Writes what is kept. Returns whether all of it is written. */
  #writeKept(): boolean {
    try {
      for (let [first] = this.#kept; first !== undefined; [first] = this.#kept) {
        const written = this.#writeSome(first);
        this.#keptBytes -= written;
        if (written === first.length) this.#kept.shift();
        else this.#kept[0] = first.subarray(written);
      }
    } catch (error) {
      this.#fail(error as NodeJS.ErrnoException);
      return false;
    }
    this.#recover();
    return true;
  }

  /** Writes at least one byte. A pipe that is full is waited for, unless it was so before. */
  #writeSome(bytes: Buffer): number {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return writeSync(this.#options.descriptor, bytes);
      } catch (error) {
        const isFullPipe = (error as NodeJS.ErrnoException).code === 'EAGAIN';
        if (!isFullPipe || this.#isFailing || attempt === PIPE_ATTEMPTS) throw error;
        Atomics.wait(this.#pause, 0, 0, PIPE_PAUSE_MS);
      }
    }
  }

  #fail(error: NodeJS.ErrnoException): void {
    if (this.#isFailing) return;
    this.#isFailing = true;
    this.#options.failed(error);
  }

  #recover(): void {
    if (!this.#isFailing) return;
    const lost = this.#lostInPeriod;
    this.#isFailing = false;
    this.#lostInPeriod = 0;
    this.#options.recovered(lost);
  }
}
