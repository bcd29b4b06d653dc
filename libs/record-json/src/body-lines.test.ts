import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FIELD_ATTRIBUTES, FIELD_PARTITION, RECORD_STRIDE, type RecordSet } from '#protocol';
import { atOnce } from '#runtime';
import { type BodyLineOptions, bodyLines, type LineRecords } from './body-lines.js';
import { NdjsonLines } from './ndjson-lines.js';
import { AT_ONCE_BYTES_MAX } from './slices.js';
import { valueLines } from './value-lines.js';

const OPTIONS = { key: undefined, partition: undefined, areText: false, recordsMax: 10_000 };
const PIECE = fc.constantFrom('a', '{"a":1}', ' ', '\n', '\r\n', '\r', '1', 'null', '\uFEFF', 'é');

function read(body: string | Buffer, options: Partial<BodyLineOptions> = {}): LineRecords {
  return atOnce(bodyLines(Buffer.from(body), { ...OPTIONS, ...options }));
}

/** Key, value and whether that is JSON, of each record. */
function shown({ source, decoded, count, fields }: RecordSet): unknown[] {
  const all = Buffer.concat([source, decoded]);
  return Array.from({ length: count }, (_, index) => {
    const [from, to, keyFrom = -1, keyTo] = fields.slice(index * RECORD_STRIDE);
    const key = keyFrom < 0 ? null : all.subarray(keyFrom, keyTo).toString();
    const isJson = fields[index * RECORD_STRIDE + FIELD_ATTRIBUTES] === 1;
    return { key, value: all.subarray(from, to).toString('latin1'), isJson };
  });
}

describe('bodyLines', () => {
  it('reads what a stream of the same lines has', () => {
    const body = fc.array(PIECE, { minLength: 1, maxLength: 30 }).map((pieces) => pieces.join(''));
    fc.assert(
      fc.property(body, (text) => {
        const stream = new NdjsonLines(1000, { keepsBlankLines: true });
        const blocks = [stream.push(Buffer.from(text)), stream.end()];
        const parts = blocks.map((block) => valueLines(block, 'k', 1000));
        const expected = parts.flatMap(({ records }) => shown(records));
        fc.pre(expected.length > 0);
        const found = read(text, { key: 'k' });
        expect(shown(found)).toEqual(expected);
        expect(found.lines).toEqual(parts.flatMap(({ lines }) => lines));
      }),
    );
  });

  it('takes JSON as text when it is told to, and gives all records the partition', () => {
    const found = read('{"a":1}\n2\n', { areText: true, partition: 3 });
    expect(shown(found)).toEqual([
      { key: null, value: '{"a":1}', isJson: false },
      { key: null, value: '2', isJson: false },
    ]);
    expect(found.fields[RECORD_STRIDE + FIELD_PARTITION]).toBe(3);
  });

  it('reads a long line and many lines in slices', () => {
    const long = JSON.stringify('x'.repeat(AT_ONCE_BYTES_MAX));
    const body = Buffer.from(`${'a\n'.repeat(9000)}${long}\n${'\n'.repeat(9000)}b`);
    const reading = bodyLines(body, OPTIONS);
    let slices = 1;
    let step = reading.next();
    for (; step.done !== true; step = reading.next()) slices += 1;
    const records = shown(step.value);
    expect(records[9000]).toEqual({ key: null, value: long, isJson: true });
    expect(records[9001]).toMatchObject({ value: 'b', isJson: false });
    expect(slices).toBeGreaterThan(5);
  });

  it('refuses a body without a line, and one with too many', () => {
    expect(() => read('\n\r\n')).toThrow(expect.objectContaining({ code: 'INVALID_REQUEST' }));
    const refused = { code: 'REQUEST_TOO_LARGE', bound: 'SLUICE_RECORDS_PER_REQUEST_MAX' };
    expect(() => read('a\nb\n', { recordsMax: 1 })).toThrow(expect.objectContaining(refused));
  });
});
