import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeRecordBatches, RecordBatch, stampBatch } from '#log';
import type { RecordSet } from '#protocol';
import { parseJsonRecords } from './json-records.js';
import { rawRecord } from './raw-record.js';
import type { RecordFormat } from './record-frame.js';
import { type RenderRequest, renderRecords, renderRun } from './render-records.js';
import { LIMITS } from './testing/read-records.js';

const NOW_MS = 1_700_000_000_000;

const ALL: RenderRequest = {
  topic: 'orders',
  partition: 3,
  format: 'default',
  framing: 'array',
  offset: 0,
  recordsMax: 1_000_000,
  bytesMax: Number.MAX_SAFE_INTEGER,
};

/** A record as a reader gets it. */
interface ShownRecord {
  topic: string;
  partition: number;
  offset: number;
  timestamp: number | null;
  key?: unknown;
  keyBase64?: string;
  value?: unknown;
  valueBase64?: string;
  headers: { key: string; value?: string | null; valueBase64?: string }[];
}

/** Encodes small batches of a log from `baseOffset` on. */
function batchesOf(
  records: RecordSet | readonly RecordSet[],
  { baseOffset = 0, batchSizeBytes = 16_384 } = {},
): RecordBatch[] {
  const sets = Array.isArray(records) ? (records as readonly RecordSet[]) : [records as RecordSet];
  const { batches } = encodeRecordBatches(
    sets.map((set) => ({ records: set, indexes: undefined })),
    {
      nowMs: NOW_MS,
      timestampType: 'CreateTime',
      batchSizeBytes,
      maxBatchBytes: 1 << 24,
    },
  );
  let next = baseOffset;
  return batches.map((bytes) => {
    stampBatch(bytes, next, 0);
    const batch = new RecordBatch(bytes);
    next = batch.nextOffset;
    return batch;
  });
}

function fromJson(body: unknown): RecordSet {
  return parseJsonRecords(Buffer.from(JSON.stringify(body)), LIMITS);
}

function text(batches: readonly RecordBatch[], request: Partial<RenderRequest> = {}): string {
  return Buffer.concat(renderRecords(batches, { ...ALL, ...request }).chunks).toString();
}

function shown(batches: readonly RecordBatch[], request: Partial<RenderRequest> = {}) {
  return JSON.parse(`[${text(batches, request)}]`) as ShownRecord[];
}

describe('renderRecords', () => {
  it('hands a large answer on in chunks, whose borders nobody can see', () => {
    const posted = Array.from({ length: 1000 }, (_, id) => ({ value: `${id}`.repeat(100) }));
    const batches = batchesOf(fromJson({ records: posted }));
    for (const framing of ['array', 'lines'] as const) {
      const { chunks } = renderRecords(batches, { ...ALL, framing });
      expect(chunks.length).toBeGreaterThan(3);
      const whole = Buffer.concat(chunks).toString();
      const all = framing === 'array' ? `[${whole}]` : `[${whole.trimEnd().split('\n').join()}]`;
      expect((JSON.parse(all) as ShownRecord[]).map(({ value }) => ({ value }))).toEqual(posted);

      let borderBytes = 0;
      for (const chunk of chunks.slice(0, -1)) {
        borderBytes += chunk.length;
        for (const bytesMax of [borderBytes - 1, borderBytes, borderBytes + 1, borderBytes + 500]) {
          const part = renderRecords(batches, { ...ALL, framing, bytesMax });
          const shownPart = Buffer.concat(part.chunks).toString();
          expect(shownPart).toBe(whole.slice(0, shownPart.length));
          expect(part.sizeBytes).toBe(shownPart.length);
          expect(part.sizeBytes).toBeLessThanOrEqual(bytesMax);
          expect(part.sizeBytes).toBeGreaterThan(bytesMax - 600);
          expect(part.nextOffset).toBe(part.count);
        }
      }
    }
  });

  it('shows a record with all of its members, in their order', () => {
    const batches = batchesOf(
      fromJson({ key: 'k', value: { a: 1 }, timestamp: 5, headers: { h: 'v' } }),
    );
    expect(text(batches)).toBe(
      '{"topic":"orders","partition":3,"offset":0,"timestamp":5,"key":"k","value":{"a":1},' +
        '"headers":[{"key":"h","value":"v"}]}',
    );
  });

  it('shows a null key, a tombstone and no headers', () => {
    expect(text(batchesOf(fromJson({ value: null })))).toBe(
      `{"topic":"orders","partition":3,"offset":0,"timestamp":${NOW_MS},"key":null,"value":null,` +
        '"headers":[]}',
    );
  });

  it('answers JSON values and keys byte for byte, however they were written', () => {
    const values = [
      '1e400',
      '-0',
      '12345678901234567890',
      '{"a":1,"a":2}',
      '"\\ud800 \\u00e9 é \\/"',
      '[ 1 ,\t2 ]',
      '{"z":1,"__proto__":{"a":[]}}',
    ];
    const records = values.map((value) => `{"value":${value},"key":[${value}]}`);
    const body = `{"records":[${records.join()}]}`;
    const out = text(batchesOf(parseJsonRecords(Buffer.from(body), LIMITS)));
    for (const value of values) {
      expect(out).toContain(`"key":[${value}],"value":${value},"headers":[]}`);
    }
  });

  it('counts offsets up through every number of digits', () => {
    const records = fromJson({ records: Array.from({ length: 120 }, (_, n) => ({ value: n })) });
    for (const baseOffset of [0, 5, 95, 999_950, 2 ** 31 - 60, 999_999_990, 2 ** 52]) {
      const all = shown(batchesOf(records, { baseOffset, batchSizeBytes: 500 }), {
        offset: baseOffset,
      });
      expect(all.map(({ offset }) => offset)).toEqual(all.map((_, n) => baseOffset + n));
      expect(all.map(({ value }) => value)).toEqual(all.map((_, n) => n));
    }
  });

  it('shows every timestamp as it was given', () => {
    const timestamps = [
      0,
      9,
      10,
      1_700_000_000_000,
      1_700_000_000_001,
      999,
      2 ** 53 - 1,
      2 ** 31,
      0,
      7,
    ];
    const records = fromJson({ records: timestamps.map((timestamp) => ({ value: 1, timestamp })) });
    const all = shown(batchesOf(records, { batchSizeBytes: 150 }));
    expect(all.map(({ timestamp }) => timestamp)).toEqual(timestamps);
  });

  it('shows text with its characters escaped where JSON wants it', () => {
    const all = Array.from({ length: 0x250 }, (_, code) => String.fromCharCode(code)).join('');
    for (const value of [
      all,
      '"',
      '\\',
      'é',
      '😀',
      'a\nb',
      '',
      '\u2028',
      'abc"',
      'abcd\u0000efgh',
    ]) {
      const [record] = shown(batchesOf(rawRecord(Buffer.from(value), { key: value })));
      expect(record).toMatchObject({ value, key: value });
    }
  });

  it('shows bytes that are not UTF-8 in base64, under a name that says so', () => {
    const bytes = Buffer.from([0xff, 0x22, 0x00, 0x80]);
    const body = { valueBase64: bytes.toString('base64'), keyBase64: bytes.toString('base64') };
    const [record] = shown(batchesOf(fromJson(body)));
    expect(record).toMatchObject(body);
    expect(record).not.toHaveProperty('value');
    expect(record).not.toHaveProperty('key');
  });

  it('shows headers with their order, repetitions, nulls and bytes', () => {
    const headers = [
      { key: 'a', value: '1' },
      { key: 'a', value: null },
      { key: '', value: '' },
      { key: 'é"', value: 'x'.repeat(300) },
      { key: 'b', valueBase64: '/w==' },
    ];
    const records = { records: [{ value: 1, headers }, { value: 2 }, { value: 3, headers }] };
    const all = shown(batchesOf(fromJson(records)));
    expect(all.map((record) => record.headers)).toEqual([headers, [], headers]);
  });

  describe('a forced format', () => {
    const batches = batchesOf([
      fromJson({ value: { a: [1] }, key: { k: 1 } }),
      rawRecord(Buffer.from('{"b":2}'), { key: 'text' }),
      rawRecord(Buffer.from([0xff])),
      fromJson({ value: null }),
    ]);
    const members = (format: RecordFormat) =>
      shown(batches, { format }).map(({ key, keyBase64, value, valueBase64 }) => [
        keyBase64 === undefined ? key : { keyBase64 },
        valueBase64 === undefined ? value : { valueBase64 },
      ]);
    const base64 = (bytes: string) => Buffer.from(bytes, 'latin1').toString('base64');

    it('json: stored JSON whichever way it came, base64 for all that is none', () => {
      expect(members('json')).toEqual([
        [{ k: 1 }, { a: [1] }],
        [{ keyBase64: base64('text') }, { b: 2 }],
        [null, { valueBase64: base64('\xff') }],
        [null, null],
      ]);
    });

    it('string: the stored bytes as text, base64 for what is not text', () => {
      expect(members('string')).toEqual([
        ['{"k":1}', '{"a":[1]}'],
        ['text', '{"b":2}'],
        [null, { valueBase64: base64('\xff') }],
        [null, null],
      ]);
    });

    it('base64: the stored bytes', () => {
      expect(members('base64')).toEqual([
        [{ keyBase64: base64('{"k":1}') }, { valueBase64: base64('{"a":[1]}') }],
        [{ keyBase64: base64('text') }, { valueBase64: base64('{"b":2}') }],
        [null, { valueBase64: base64('\xff') }],
        [null, null],
      ]);
    });
  });

  describe('limits', () => {
    const batches = batchesOf(
      fromJson({ records: Array.from({ length: 20 }, (_, n) => ({ value: `value ${n}` })) }),
      { baseOffset: 100, batchSizeBytes: 120 },
    );
    const offsets = (request: Partial<RenderRequest>) => {
      const answer = renderRecords(batches, { ...ALL, ...request });
      const out = Buffer.concat(answer.chunks);
      expect(answer.sizeBytes).toBe(out.length);
      const all = JSON.parse(`[${out.toString()}]`) as ShownRecord[];
      expect(answer.count).toBe(all.length);
      return { offsets: all.map(({ offset }) => offset), nextOffset: answer.nextOffset };
    };

    it('has several batches to test with', () => expect(batches.length).toBeGreaterThan(3));

    it('begins at the asked offset, within a batch too', () => {
      for (let offset = 100; offset <= 120; offset += 1) {
        const expected = Array.from({ length: 120 - offset }, (_, n) => offset + n);
        expect(offsets({ offset })).toEqual({ offsets: expected, nextOffset: 120 });
      }
    });

    it('ends after the most records that are wanted', () => {
      for (let recordsMax = 1; recordsMax <= 20; recordsMax += 1) {
        const expected = Array.from({ length: recordsMax }, (_, n) => 100 + n);
        expect(offsets({ offset: 100, recordsMax })).toEqual({
          offsets: expected,
          nextOffset: 100 + recordsMax,
        });
      }
    });

    it('ends before the record that would be too many bytes, but not before the first', () => {
      const whole = text(batches, { offset: 100 });
      for (let bytesMax = 0; bytesMax <= whole.length; bytesMax += 7) {
        const answer = renderRecords(batches, { ...ALL, offset: 100, bytesMax });
        const out = Buffer.concat(answer.chunks).toString();
        expect(whole.startsWith(out)).toBe(true);
        expect(answer.count).toBeGreaterThan(0);
        if (answer.count > 1) expect(out.length).toBeLessThanOrEqual(bytesMax);
        const more = text(batches, { offset: 100, recordsMax: answer.count + 1 });
        if (answer.count < 20) expect(more.length).toBeGreaterThan(bytesMax);
        expect(answer.nextOffset).toBe(100 + answer.count);
      }
    });

    it('is empty where there is nothing', () => {
      expect(renderRecords([], { ...ALL, offset: 7 })).toEqual({
        chunks: [],
        sizeBytes: 0,
        count: 0,
        nextOffset: 7,
      });
    });
  });

  it('hides control batches and continues after them', () => {
    const marker = Buffer.from(
      '0000000000000064000000420000000702fbfc15750030000000000000018bcfe568000000018bcf' +
        'e5680000000000000003e90003ffffffff000000012000000008000000010c00000000000900',
      'hex',
    );
    const after = batchesOf(fromJson({ value: 1 }), { baseOffset: 101 });
    const batches = [new RecordBatch(marker), ...after];
    expect(shown(batches, { offset: 100 }).map(({ offset }) => offset)).toEqual([101]);
    expect(renderRecords(batches.slice(0, 1), { ...ALL, offset: 100 }).nextOffset).toBe(101);
  });

  it('answers what stands before an unreadable batch, and only then the error', () => {
    const [one, two, three] = batchesOf(
      [1, 2, 3].map((value) => fromJson({ value })),
      {
        batchSizeBytes: 1,
      },
    );
    if (one === undefined || two === undefined || three === undefined)
      throw new Error('no batches');
    const unreadable = new RecordBatch(Buffer.from(two.bytes));
    // Codec 3: bytes that are not an LZ4 frame.
    unreadable.bytes.writeInt16BE(3, 21);
    const batches = [one, unreadable, three];
    const error = expect.objectContaining({
      code: 'CORRUPT_MESSAGE',
      members: { damagedStartOffset: 1, damagedEndOffset: 2 },
    });
    for (const framing of ['array', 'lines'] as const) {
      const prefix = renderRecords(batches, { ...ALL, framing });
      expect(prefix).toMatchObject({ count: 1, nextOffset: 1, fault: error });
      expect(() => renderRecords(batches, { ...ALL, framing, offset: 1 })).toThrow(error);
      expect(renderRecords(batches, { ...ALL, framing, offset: 2 }).count).toBe(1);
      expect(renderRecords(batches, { ...ALL, framing, recordsMax: 1 }).fault).toBeUndefined();
    }
    const run = { topic: 'orders', partition: 3, recordsMax: 10, bytesMax: 1e6 };
    expect(renderRun(batches, { ...run, offset: 0 })).toMatchObject({
      offsets: [0],
      nextOffset: 1,
      fault: error,
    });
    expect(() => renderRun(batches, { ...run, offset: 1 })).toThrow(error);
  });

  it('shows one record a line, with no other line breaks', () => {
    const body = '{"records":[{"value":{"a":\r\n1,\t"b":"x\\ny"}},{"value":"s"},{"value":[\n]}]}';
    const batches = batchesOf([
      parseJsonRecords(Buffer.from(body), LIMITS),
      rawRecord(Buffer.from('two\nlines')),
    ]);
    const lines = text(batches, { framing: 'lines' }).split('\n');
    expect(lines.pop()).toBe('');
    expect(lines.map((line) => (JSON.parse(line) as ShownRecord).value)).toEqual([
      { a: 1, b: 'x\ny' },
      's',
      [],
      'two\nlines',
    ]);
    for (let recordsMax = 1; recordsMax <= 4; recordsMax += 1) {
      const some = text(batches, { framing: 'lines', recordsMax });
      expect(some).toBe(
        lines
          .slice(0, recordsMax)
          .map((line) => `${line}\n`)
          .join(''),
      );
    }
    const bytesMax = lines.slice(0, 2).join('\n').length + 1;
    expect(renderRecords(batches, { ...ALL, framing: 'lines', bytesMax }).count).toBe(2);
    expect(renderRecords(batches, { ...ALL, framing: 'lines', bytesMax: bytesMax - 1 }).count).toBe(
      1,
    );
  });

  it('shows values larger than its scratch memory', () => {
    const value = '\u0001"x'.repeat(400_000);
    const batches = batchesOf([rawRecord(Buffer.from(value)), rawRecord(Buffer.from('after'))]);
    expect(shown(batches).map((record) => record.value)).toEqual([value, 'after']);
    expect(shown(batches, { topic: 'another' }).map(({ topic }) => topic)).toEqual([
      'another',
      'another',
    ]);
  });

  it('answers exactly the bytes that came, whatever they are', () => {
    const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));
    const jsonText = fc.json().map((json) => Buffer.from(json));
    const record = fc.record({
      key: fc.option(fc.oneof(bytes, jsonText)),
      value: fc.option(
        fc.oneof(
          bytes,
          jsonText,
          fc.string().map((s) => Buffer.from(s)),
        ),
      ),
      timestamp: fc.oneof(fc.nat(), fc.nat({ max: 2 ** 53 - 1 })),
      headers: fc.array(
        fc.record({ key: fc.string({ unit: 'grapheme' }), value: fc.option(bytes) }),
        {
          maxLength: 3,
        },
      ),
    });
    const base64 = (buffer: Buffer | null) => buffer?.toString('base64') ?? null;
    fc.assert(
      fc.property(
        fc.array(record, { minLength: 1, maxLength: 20 }),
        fc.nat({ max: 300 }),
        (records, size) => {
          const body = records.map(({ key, value, timestamp, headers }) => ({
            ...(key === null ? {} : { keyBase64: base64(key) }),
            ...(value === null ? { value } : { valueBase64: base64(value) }),
            timestamp,
            headers: headers.map((header) =>
              header.value === null
                ? { key: header.key, value: null }
                : { key: header.key, valueBase64: base64(header.value) },
            ),
          }));
          const batches = batchesOf(fromJson({ records: body }), { batchSizeBytes: size });
          const bytesOf = (base: string | undefined, plain: unknown) =>
            base === undefined
              ? plain === null
                ? null
                : Buffer.from(plain as string)
              : Buffer.from(base, 'base64');
          for (const format of ['default', 'string', 'base64'] as const) {
            const all = shown(batches, { format }).map((record) => ({
              key: bytesOf(record.keyBase64, record.key),
              value: bytesOf(record.valueBase64, record.value),
              timestamp: record.timestamp,
              headers: record.headers.map((header) => ({
                key: header.key,
                value: bytesOf(header.valueBase64, header.value),
              })),
            }));
            expect(all).toEqual(records);
          }
        },
      ),
    );
  });
});

describe('renderRun', () => {
  const record = fc.record({
    value: fc.oneof(
      fc.json().map((json) => JSON.parse(json) as unknown),
      fc.string(),
    ),
    key: fc.option(fc.string({ maxLength: 5 }), { nil: null }),
    timestamp: fc.constantFrom(NOW_MS, NOW_MS, NOW_MS + 70_000),
    headers: fc.constantFrom({}, {}, {}, { a: 'b' }),
  });
  const runs = fc.record({
    records: fc.array(record, { minLength: 1, maxLength: 60 }),
    baseOffset: fc.constantFrom(0, 95, 2 ** 40),
    skipped: fc.nat({ max: 70 }),
    recordsMax: fc.integer({ min: 1, max: 70 }),
    batchSizeBytes: fc.constantFrom(70, 300, 16_384),
  });

  it('shows what renderRecords shows, and says where each record ends', () => {
    fc.assert(
      fc.property(runs, ({ records, baseOffset, skipped, recordsMax, batchSizeBytes }) => {
        const batches = batchesOf(fromJson({ records }), { baseOffset, batchSizeBytes });
        const offset = baseOffset + skipped;
        const bounds = { topic: 'orders', partition: 3, offset, recordsMax };
        const run = renderRun(batches, { ...bounds, bytesMax: Number.POSITIVE_INFINITY });
        const expected = renderRecords(batches, { ...ALL, offset, recordsMax });
        expect(run.bytes.subarray(1).toString()).toBe(Buffer.concat(expected.chunks).toString());
        expect(run.nextOffset).toBe(expected.nextOffset);
        const places = run.ends.map((end, index) => {
          const shownText = run.bytes.toString('utf8', (run.ends[index - 1] ?? 0) + 1, end);
          return (JSON.parse(shownText) as ShownRecord).offset;
        });
        expect(run.offsets).toEqual(places);
        expect(run.ends.at(-1) ?? 0).toBe(run.bytes.length);
      }),
    );
  });

  it('ends before the record that would begin beyond so many bytes, and has one at least', () => {
    const batches = batchesOf(
      fromJson({ records: Array.from({ length: 20 }, () => ({ value: 'x'.repeat(50) })) }),
    );
    const bounds = { topic: 'orders', partition: 3, offset: 0, recordsMax: 100 };
    const one = renderRun(batches, { ...bounds, recordsMax: 1, bytesMax: 1 });
    for (const records of [1, 2, 7]) {
      const bytesMax = one.bytes.length * records;
      const run = renderRun(batches, { ...bounds, bytesMax });
      expect(run.offsets).toHaveLength(records);
      expect(run.nextOffset).toBe(records);
    }
  });
});
