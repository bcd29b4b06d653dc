import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { RecordSet } from '#protocol';
import { type SlicedWork } from '#runtime';
import { parseJsonRecord, parseJsonRecords } from './json-records.js';
import { parseLargeBody, parseLargeLine } from './large-records.js';
import { SLICE_BYTES } from './slices.js';
import { LIMITS } from './testing/read-records.js';

/** Longer than the window in which a record is read at once, and than two slices. */
const LONG = 600 * 1024;
const long = 'x'.repeat(LONG);
const escapes = '\\u0041'.repeat(LONG / 6);
const list = `[${'1,{"a":"b"},'.repeat(LONG / 12)}null]`;

/** A result, or the error, as a plain value. */
function outcome(read: () => RecordSet): unknown {
  try {
    const { source, decoded, ...set } = read();
    return { ...set, bytes: [source, decoded].map(hashed) };
  } catch (error) {
    return { ...(error as object), message: (error as Error).message, cause: undefined };
  }
}

/** Comparing long buffers takes the test runner seconds. */
function hashed(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function run<T>(work: SlicedWork<T>): T {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}

describe('a large body', () => {
  it.each([
    ['a long value', `{"value":${list}}`],
    ['a long string', `{"records":[{"value":"${long}"},{"value":1}]}`],
    ['long escapes', `{"records":[{"key":"${escapes}","value":"${escapes}"}]}`],
    ['long base64', `{"value":1,"keyBase64":"${'QUJD'.repeat(LONG / 4)}"}`],
    ['long headers', `{"value":1,"headers":{"a":"${long}"}}`],
    ['headers in the list form', `{"value":1,"headers":[{"key":"a","value":"${escapes}"}]}`],
    ['short and long records', `{"records":[{"value":1},{"value":${list}},{"value":2}]}`],
    ['a fault after a long value', `{"records":[{"value":${list},"x":1},{}]}`],
    ['faults around a long record', `{"records":[{},{"value":${list},"partition":-1},{"y":1}]}`],
    ['a repeated long member', `{"value":${list},"value":1}`],
    ['a long name', `{"value":1,"${long}":1}`],
    ['a long number', `{"value":1,"partition":${'1'.repeat(LONG)}}`],
    ['a record that is none', `{"records":[${'1'.repeat(LONG)},{"value":1}]}`],
    ['a member beside the records', `{"records":[{"value":1}],"x":${list}}`],
    ['a member before the records', `{"x":${list},"records":[{"value":1}]}`],
    ['records that are not a list', `{"records":{"a":${list}}}`],
    ['no records', `{"records":[]${' '.repeat(LONG)}}`],
    ['no object', list],
    ['nesting that is too deep', `{"value":${'['.repeat(LONG)}`],
    ['a text that is cut', `{"records":[{"value":${list}`],
    ['a fault of JSON within a long value', `{"records":[{"value":[${long}]}]}`],
    ['a long name without quotes', `{"value":[{"a":1,b${long}:1}]}`],
    ['no separator after a long string', `{"value":[{"a":"${long}" 1}]}`],
    ['a control character in a long string', `{"value":["${long}\u0001${long}"]}`],
    ['no separator after the records', `{"records":[{"value":"${long}"}] 1}`],
    ['too many records', `{"records":[${'{"value":1},'.repeat(40_000)}{"value":1}]}`],
    ['too many faulty members', `{"value":1${',"x":1'.repeat(60_000)}}`],
  ])('with %s is read as at once', (_, text) => {
    const body = Buffer.from(text);
    expect(outcome(() => run(parseLargeBody(body, LIMITS)))).toEqual(
      outcome(() => parseJsonRecords(body, LIMITS)),
    );
  });

  it('that is not UTF-8 is refused as at once', () => {
    const body = Buffer.concat([Buffer.from(`{"value":"${long}`), Buffer.from([0xff, 0x22, 0x7d])]);
    expect(outcome(() => run(parseLargeBody(body, LIMITS)))).toEqual(
      outcome(() => parseJsonRecords(body, LIMITS)),
    );
  });

  it.each([
    ['of many records', `{"records":[${'{"value":1},'.repeat(900)}{"value":"${long}"}]}`],
    ['of one record', `{"value":${list}}`],
    ['of one string', `{"value":"${escapes}"}`],
  ])('%s is read in slices', (_, text) => {
    const work = parseLargeBody(Buffer.from(text), LIMITS);
    let slices = 1;
    while (work.next().done !== true) slices += 1;
    expect(slices).toBeGreaterThanOrEqual(Math.floor(text.length / SLICE_BYTES));
  });

  it('with more to decode than its topic takes is MESSAGE_TOO_LARGE', () => {
    const body = Buffer.from(`{"value":1,"key":"${escapes}"}`);
    expect(() => run(parseLargeBody(body, { ...LIMITS, batchBytesMax: 1000 }))).toThrow(
      expect.objectContaining({ code: 'MESSAGE_TOO_LARGE' }),
    );
  });
});

it.each([`{"value":${list}}`, `{"value":${list},"x":1}`, `{"value":${list}} 1`, list])(
  'a large line is read as at once',
  (text) => {
    const line = Buffer.from(text);
    expect(outcome(() => run(parseLargeLine(line, LIMITS)))).toEqual(
      outcome(() => parseJsonRecord(line, LIMITS)),
    );
  },
);
