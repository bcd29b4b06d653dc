import { describe, expect, it } from 'vitest';
import type { RecordSet } from '#protocol';
import { parseJsonRecordLines } from './json-record-lines.js';
import { parseJsonRecords } from './json-records.js';
import { parseLargeBody } from './large-records.js';
import { LIMITS, problem, read } from './testing/read-records.js';

const limits = { ...LIMITS, nowMs: () => 5000 };
const AT_6000 = { key: 'sluice.deliver.at', value: '6000' };

function parsed(...records: readonly string[]): RecordSet {
  return parseJsonRecords(Buffer.from(`{"records":[${records.join(',')}]}`), limits);
}

describe('a delayed record', () => {
  it.each([
    ['deliverAt', '{"value":1,"deliverAt":6000}'],
    ['delayMs', '{"delayMs":1000,"value":1}'],
    ['a number in another notation', '{"value":1,"deliverAt":6e3}'],
    ['an escaped name', '{"value":1,"delay\\u004ds":1000}'],
  ])('has its time of delivery as a header, from %s', (_name, record) => {
    const set = parsed('{"value":0}', record, '{"value":2}');
    expect(read(set).map(({ headers }) => headers)).toEqual([[], [AT_6000], []]);
    expect([...(set.delays ?? [])]).toMatchObject([[1, { deliverAtMs: 6000 }]]);
  });

  it.each([
    '{"headers":{"a":"b"},"value":1,"deliverAt":6000}',
    '{"deliverAt":6000,"headers":[{"key":"a","value":"b"}],"value":1}',
    '{"headers":{"a":"b"},"valueBase64":"AAEC","deliverAt":6000,"keyBase64":"AwQ="}',
    '{"headers":{"a":"b"},"key":"x\\ny","deliverAt":6000,"value":1}',
  ])('keeps its other headers before it, wherever they are: %s', (record) => {
    const [first] = read(parsed(record));
    expect(first?.headers).toEqual([{ key: 'a', value: 'b' }, AT_6000]);
    if (record.includes('valueBase64')) expect(first).toMatchObject({ value: '\0\u0001\u0002' });
    if (record.includes('"x\\ny"')) expect(first).toMatchObject({ key: 'x\ny' });
  });

  it('is read in slices the same way', () => {
    const long = `"${'x'.repeat(600_000)}"`;
    const body = Buffer.from(`{"records":[{"value":${long},"delayMs":1000},{"value":1}]}`);
    const work = parseLargeBody(body, limits);
    let step = work.next();
    while (step.done !== true) step = work.next();
    expect(read(step.value).map(({ headers }) => headers)).toEqual([[AT_6000], []]);
    expect(step.value.delays?.size).toBe(1);
  });

  it('is forgotten with a faulty line of a stream', () => {
    const texts = ['{"value":1,"delayMs":1000,"no":1}', '{"value":2}'];
    const bytes = Buffer.from(texts.join('\n'));
    const second = (texts[0] as string).length + 1;
    const block = { bytes, lines: [1, 2], starts: [0, second], ends: [second - 1, bytes.length] };
    const { records, failures } = parseJsonRecordLines(block, limits, 1000);
    expect(failures).toHaveLength(1);
    expect(records.count).toBe(1);
    expect(records.delays?.size ?? 0).toBe(0);
  });

  it.each([
    ['{"value":1,"deliverAt":-1}', 'INVALID_TIMESTAMP', '/records/0/deliverAt'],
    ['{"value":1,"deliverAt":"6000"}', 'INVALID_TIMESTAMP', '/records/0/deliverAt'],
    ['{"value":1,"deliverAt":9007199254740993}', 'INVALID_TIMESTAMP', '/records/0/deliverAt'],
    ['{"value":1,"delayMs":1.5}', 'INVALID_TIMESTAMP', '/records/0/delayMs'],
    ['{"value":1,"delayMs":9007199254740000}', 'INVALID_TIMESTAMP', '/records/0/delayMs'],
    ['{"value":1,"delayMs":null}', 'INVALID_TIMESTAMP', '/records/0/delayMs'],
    ['{"value":1,"delayMs":1,"deliverAt":2}', 'INVALID_RECORD', '/records/0'],
    ['{"value":1,"delayMs":1,"delayMs":2}', 'INVALID_RECORD', '/records/0/delayMs'],
  ])('%s is refused', (record, code, pointer) => {
    const error = problem(`{"records":[${record}]}`);
    expect(error).toMatchObject({ code, faults: [{ pointer }] });
  });
});
