/** A line of a file, without its line break. */
export interface Line {
  readonly bytes: Buffer;
  /** Number of the line in the file, from 1. */
  readonly number: number;
  /** Position after its line break, bytes. */
  readonly endByte: number;
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** The line is not a record; the message names it. */
export class LineError extends Error {
  override readonly name = 'LineError';
}

/** Longest accepted line, bytes: no record can be larger by default. */
const LINE_BYTES_MAX = 64 * 1024 * 1024;

/**
 * Splits bytes into lines at line feeds; a carriage return before one is dropped, and empty lines
 * are passed over. It yields the lines that end in each read.
 * @param start position and number of the first line
 * @throws LineError for a line of more than LINE_BYTES_MAX
 */
export async function* linesOf(
  reads: AsyncIterable<Buffer>,
  start: { readonly byte: number; readonly line: number } = { byte: 0, line: 1 },
): AsyncGenerator<Line[]> {
  let rest: Buffer[] = [];
  let restBytes = 0;
  let { byte, line: number } = start;
  for await (const chunk of reads) {
    const lines: Line[] = [];
    let from = 0;
    for (;;) {
      const at = chunk.indexOf(LINE_FEED, from);
      if (at === -1) break;
      const part = chunk.subarray(from, at);
      const bytes = rest.length === 0 ? part : Buffer.concat([...rest, part]);
      rest = [];
      restBytes = 0;
      byte += bytes.length + 1;
      const line = withoutReturn(bytes);
      if (line.length > 0) lines.push({ bytes: line, number, endByte: byte });
      number += 1;
      from = at + 1;
    }
    if (lines.length > 0) yield lines;
    if (from === chunk.length) continue;
    rest.push(chunk.subarray(from));
    restBytes += chunk.length - from;
    assertLineLength(restBytes, number);
  }
  const last = Buffer.concat(rest);
  const line = withoutReturn(last);
  if (line.length > 0) yield [{ bytes: line, number, endByte: byte + last.length }];
}

/** @throws LineError for a line of more than LINE_BYTES_MAX */
export function assertLineLength(bytes: number, number: number): void {
  if (bytes <= LINE_BYTES_MAX) return;
  throw new LineError(
    `line ${number} is longer than ${LINE_BYTES_MAX / 1024 / 1024} MiB, which no record can be`,
  );
}

function withoutReturn(bytes: Buffer): Buffer {
  return bytes.at(-1) === CARRIAGE_RETURN ? bytes.subarray(0, -1) : bytes;
}
