import { problemDocument } from '#api';
import type { ProtocolError } from '#protocol';
import type { SubmittedLines } from './submitted-lines.js';

/** Writes the answer of a stream of lines as NDJSON, and counts the lines and their errors. */
export class LineAnswers {
  readonly #instance: string;
  readonly #report: 'all' | 'errors';
  #count = 0;
  #errorCount = 0;

  /**
   * @param instance the request in problems: its path as the client sees it
   * @param report lines that the answer has
   */
  constructor(instance: string, report: 'all' | 'errors') {
    this.#instance = instance;
    this.#report = report;
  }

  /** Returns the answers of settled lines, in order. */
  textOf({ allLines, lines, faults, partitions, offsets }: SubmittedLines): string {
    const showsAll = this.#report !== 'errors';
    this.#count += allLines.length;
    this.#errorCount += faults.size;
    if (!showsAll && faults.size === 0) return '';
    let text = '';
    let index = 0;
    for (const line of allLines) {
      const fault = faults.size === 0 ? undefined : faults.get(line);
      if (fault !== undefined) {
        text += this.#errorLine(line, fault);
      } else if (showsAll) {
        text += `{"line":${line},"partition":${partitions[index]},"offset":${offsets[index]}}\n`;
      }
      if (lines[index] === line) index += 1;
    }
    return text;
  }

  /**
   * Returns the last lines of the answer.
   * @param failure the line at which the stream broke off, and the reason; absent if it did not
   */
  lastText(failure?: { readonly line: number; readonly error: ProtocolError }): string {
    const text = failure === undefined ? '' : this.#errorLine(failure.line, failure.error);
    if (this.#report !== 'errors') return text;
    return `${text}{"count":${this.#count},"errors":${this.#errorCount}}\n`;
  }

  #errorLine(line: number, error: ProtocolError): string {
    const problem = problemDocument(error, this.#instance, { isWrite: true });
    return `{"line":${line},"error":${JSON.stringify(problem)}}\n`;
  }
}
