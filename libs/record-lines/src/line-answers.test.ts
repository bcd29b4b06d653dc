import { describe, expect, it } from 'vitest';
import { ProtocolError } from '#protocol';
import { LineBlocks, parseJsonRecordLines } from '#record-json';
import { LineAnswers } from './line-answers.js';
import type { LineTarget } from './line-checks.js';
import { SubmittedLines } from './submitted-lines.js';

const TARGET: LineTarget = {
  topic: 'orders',
  partition: undefined,
  limits: undefined,
  places: { list: undefined, beside: {} },
  receivedMs: 0,
};
const LIMITS = { recordsMax: 100, headersPerRecordMax: 10, faultyMembersMax: 10, nowMs: () => 0 };

const PART = { createTimeMs: 0, logAppendTimeMs: null, error: undefined };

/** The lines 1 to 3; the second one is not JSON. */
function threeLines(target: Partial<LineTarget> = {}): SubmittedLines {
  const blocks = new LineBlocks(1000, { keepsBlankLines: false });
  blocks.push(Buffer.from('{"value":1,"partition":0}\n{"value\n{"value":3,"partition":7}\n'));
  const block = blocks.next();
  if (block === undefined) throw new Error('a block of three lines');
  return new SubmittedLines(block, parseJsonRecordLines(block, LIMITS, 1000), {
    ...TARGET,
    ...target,
  });
}

function answered(text: string): unknown[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
}

describe('the answer of a stream of lines', () => {
  it('has every line in order, with its offset or its error', () => {
    const lines = threeLines();
    expect(lines.isSettled).toBe(false);
    lines.succeed({
      parts: [
        { ...PART, partition: 0, baseOffset: 5, indexes: [0] },
        { ...PART, partition: 7, baseOffset: 9, indexes: [1] },
      ],
    });
    expect(lines.isSettled).toBe(true);
    expect(answered(new LineAnswers('/v1', 'all').textOf(lines))).toMatchObject([
      { line: 1, partition: 0, offset: 5 },
      { line: 2, error: { code: 'INVALID_REQUEST', instance: '/v1' } },
      { line: 3, partition: 7, offset: 9 },
    ]);
  });

  it('counts lines and errors where it reports only errors', () => {
    const answers = new LineAnswers('/v1', 'errors');
    const lines = threeLines();
    lines.fail(new ProtocolError('NOT_ENOUGH_REPLICAS', 'No.'));
    expect(answered(answers.textOf(lines))).toMatchObject([
      { line: 1, error: { code: 'NOT_ENOUGH_REPLICAS' } },
      { line: 2, error: { code: 'INVALID_REQUEST' } },
      { line: 3, error: { code: 'NOT_ENOUGH_REPLICAS' } },
    ]);
    const error = new ProtocolError('BUFFER_EXHAUSTED', 'No.');
    expect(answered(answers.lastText({ line: 4, error }))).toMatchObject([
      { line: 4, error: { code: 'BUFFER_EXHAUSTED' } },
      { count: 3, errors: 3 },
    ]);
  });

  it('refuses a line that names another partition than the query', () => {
    const lines = threeLines({ partition: 0 });
    expect(lines.records.count).toBe(1);
    expect(lines.faults.get(3)?.faults).toMatchObject([{ pointer: '/partition' }]);
  });
});
