/**
 * The output of the page: redrawn in place on a terminal, otherwise printed when it has changed.
 */

const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
const CLEAR_LINE = '\u001b[K';
const CLEAR_REST = '\u001b[J';

import type { ReadStream, WriteStream } from 'node:tty';

/** A page of text, and a gist that changes with every event worth printing. */
export interface Page {
  readonly lines: readonly string[];
  readonly gist: string;
}

export class Screen {
  readonly #stream: WriteStream;
  #isEntered = false;
  #lastGist = '';
  #input: ReadStream | undefined;

  constructor(stream: WriteStream) {
    this.#stream = stream;
  }

  /** True when keys can be read. */
  get hasKeys(): boolean {
    return this.#input !== undefined;
  }

  /** Calls back with every key, if there is a keyboard. */
  onKey(input: ReadStream, listener: (key: string) => void): void {
    if (!input.isTTY || !this.#stream.isTTY) return;
    this.#input = input;
    input.setRawMode(true);
    input.setEncoding('utf8');
    input.on('data', (keys) => {
      for (const key of String(keys)) listener(key);
    });
  }

  show({ lines, gist }: Page): void {
    if (!this.#stream.isTTY) {
      if (gist !== this.#lastGist) this.#stream.write(`${lines.join('\n')}\n\n`);
      this.#lastGist = gist;
      return;
    }
    if (!this.#isEntered) this.#stream.write(ENTER);
    this.#isEntered = true;
    const { columns, rows } = this.#stream;
    const shown = lines.slice(0, rows - 1).map((line) => `${line.slice(0, columns)}${CLEAR_LINE}`);
    this.#stream.write(`${HOME}${shown.join('\n')}\n${CLEAR_REST}`);
  }

  /** Restores the terminal. */
  restore(): void {
    if (this.#isEntered) this.#stream.write(LEAVE);
    this.#isEntered = false;
    this.#input?.setRawMode(false);
    this.#input?.pause();
    this.#input = undefined;
  }
}
