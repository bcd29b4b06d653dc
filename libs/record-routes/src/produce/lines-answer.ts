import type { ProducePart } from '#broker';
import { assert, type SlicedWork } from '#runtime';

/** Lines whose answers one slice writes. */
const SLICE_LINES = 5000;

/**
 * Returns the answer about the lines of one record batch: what a stream of the same lines gets.
 * @param part the only part of the result, which has no error
 * @param lines numbers of the lines that are records
 */
export function* linesAnswer(
  { partition, baseOffset }: ProducePart,
  lines: readonly number[],
  report: 'all' | 'errors',
): SlicedWork<string> {
  if (report === 'errors') return `{"count":${lines.length},"errors":0}\n`;
  assert(baseOffset !== null, 'an appended part has its offsets');
  let text = '';
  for (const [index, line] of lines.entries()) {
    text += `{"line":${line},"partition":${partition},"offset":${baseOffset + index}}\n`;
    if (index % SLICE_LINES === SLICE_LINES - 1) yield;
  }
  return text;
}
