import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { atOnce } from '#runtime';
import { GOLDEN_BATCHES } from '../testing/golden-batches.js';
import { kafkajsRecords } from '../testing/kafkajs-decoder.js';
import {
  type PlainHeader,
  type PlainRecord,
  type ReadRecord,
  readRecords,
  recordSetOf,
} from '../testing/record-sets.js';
import { RECORD_BATCH_HEADER_BYTES, RecordBatch } from './record-batch.js';
import {
  type EncodeOptions,
  encodeInSlices,
  encodeRecordBatches,
  type RecordSelection,
} from './record-batch-encoder.js';
import { batchOfOneSizeBytes } from './record-size.js';

const NOW_MS = 1_750_000_000_000;

const options: EncodeOptions = {
  nowMs: NOW_MS,
  timestampType: 'CreateTime',
  batchSizeBytes: 16_384,
  maxBatchBytes: 1_048_588,
};

const bytes = (maxLength: number) =>
  fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));
/**
 * Lengths on both sides of every boundary of the encoder: one-byte lengths, short copies, views.
 */
const payload = fc.option(
  fc.oneof(
    bytes(20),
    fc.integer({ min: 0, max: 300 }).map((length) => Buffer.alloc(length, 'v')),
    fc.integer({ min: 8_000, max: 10_000 }).map((length) => Buffer.alloc(length, 'w')),
  ),
);
const header: fc.Arbitrary<PlainHeader> = fc.tuple(
  fc.string({ unit: 'grapheme', maxLength: 5 }),
  fc.option(bytes(40), { nil: null }),
);
const timestamp = fc.oneof(
  fc.constant(-1),
  fc.integer({ min: NOW_MS - 5_000, max: NOW_MS + 5_000 }),
  fc.nat(),
  fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
);
const record: fc.Arbitrary<PlainRecord> = fc.record({
  key: payload,
  value: payload,
  headers: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, fc.array(header, { maxLength: 3 })),
  timestamp,
  attributes: fc.integer({ min: 0, max: 3 }),
});

describe('encodeInSlices', () => {
  const many = Array.from({ length: 20_000 }, (_, k): PlainRecord => {
    const value = Buffer.alloc(k % 100, 'v');
    return { key: null, value, headers: [], timestamp: k % 3 === 0 ? -1 : k, attributes: 0 };
  });
  const selections = [
    { records: recordSetOf(many), indexes: undefined },
    { records: recordSetOf(many), indexes: [5, 19_999, 7] },
  ];
  const producer = { producerId: 1, producerEpoch: 0, baseSequence: 5 };

  it.each([
    ['batches of the usual size', options],
    ['batches of a producer', { ...options, producer }],
    ['one batch', { ...options, maxBatchBytes: 1 << 24, producer, isOneBatch: true }],
  ])('makes the same as at once, whatever is encoded between its slices: %s', (_, chosen) => {
    const expected = encodeRecordBatches(selections, chosen);
    const work = encodeInSlices(selections, chosen);
    let slices = 1;
    let step = work.next();
    for (; step.done !== true; step = work.next()) {
      slices += 1;
      const others = [{ records: recordSetOf(many.slice(0, 100)), indexes: undefined }];
      encodeRecordBatches(others, options);
      atOnce(encodeInSlices(others, options));
    }
    expect(slices).toBeGreaterThan(4);
    const { batches, ...rest } = step.value;
    // `toEqual` compares buffers byte by byte, which takes seconds here.
    expect(batches.map((batch, at) => expected.batches[at]?.equals(batch))).toEqual(
      expected.batches.map(() => true),
    );
    const { recordCount, starts } = expected;
    expect(rest).toEqual({ recordCount, starts });
  });
});

interface PlainSelection {
  readonly records: readonly PlainRecord[];
  readonly inDecoded: boolean;
  readonly indexes: readonly number[] | undefined;
}

const selection: fc.Arbitrary<PlainSelection> = fc
  .array(record, { minLength: 1, maxLength: 12 })
  .chain((records) =>
    fc.record({
      records: fc.constant(records),
      inDecoded: fc.boolean(),
      indexes: fc.option(fc.array(fc.nat({ max: records.length - 1 }), { maxLength: 12 }), {
        nil: undefined,
      }),
    }),
  );

function chosen({ records, indexes }: PlainSelection): PlainRecord[] {
  return indexes === undefined ? [...records] : indexes.flatMap((index) => records[index] ?? []);
}

function toSelection({ records, inDecoded, indexes }: PlainSelection): RecordSelection {
  return { records: recordSetOf(records, inDecoded), indexes };
}

/** Expected record read back after encoding at this offset. */
function expected(plain: PlainRecord, offset: number): ReadRecord {
  const { key, value, headers = [], timestamp = -1, attributes = 0 } = plain;
  return {
    offset,
    timestamp: timestamp < 0 ? NOW_MS : timestamp,
    attributes,
    key: latin1(key),
    value: latin1(value),
    headers: headers.map(([name, content]) => [latin1(name) ?? '', latin1(content)]),
  };
}

function latin1(content: string | Buffer | null): string | null {
  return content === null ? null : Buffer.from(content).toString('latin1');
}

/** All of a set, with one option or another changed. */
function encode(records: readonly PlainRecord[], changed: Partial<EncodeOptions> = {}) {
  const selections = [{ records: recordSetOf(records), indexes: undefined }];
  return encodeRecordBatches(selections, { ...options, ...changed });
}

function only(batches: readonly Buffer[]): RecordBatch {
  expect(batches).toHaveLength(1);
  return new RecordBatch(batches[0] ?? Buffer.alloc(0));
}

describe('encodeRecordBatches', () => {
  it('whatever is selected is read back, over any number of batches', () => {
    fc.assert(
      fc.property(
        fc.array(selection, { maxLength: 4 }),
        fc.constantFrom(100, 1_000, 16_384, 1_000_000),
        (plain, batchSizeBytes) => {
          const encoded = encodeRecordBatches(plain.map(toSelection), {
            ...options,
            batchSizeBytes,
          });
          const batches = encoded.batches.map((batch) => new RecordBatch(batch));
          const all = plain.flatMap(chosen);

          expect(batches.flatMap(readRecords)).toStrictEqual(all.map(expected));
          expect(encoded.recordCount).toBe(all.length);
          let start = 0;
          expect(encoded.starts).toStrictEqual(
            plain.map((one) => (start += chosen(one).length) - chosen(one).length),
          );

          let nextOffset = 0;
          for (const batch of batches) {
            expect(batch.isCrcValid()).toBe(true);
            expect(batch.baseOffset).toBe(nextOffset);
            expect(batch.lastOffset).toBe(nextOffset + batch.recordCount - 1);
            if (batch.recordCount > 1) expect(batch.sizeBytes).toBeLessThanOrEqual(batchSizeBytes);
            const timestamps = readRecords(batch).map((one) => one.timestamp);
            expect(batch.baseTimestamp).toBe(timestamps[0]);
            expect(batch.maxTimestamp).toBe(Math.max(...timestamps));
            nextOffset = batch.nextOffset;
          }
        },
      ),
    );
  });

  it('kafkajs reads what was encoded', async () => {
    await fc.assert(
      fc.asyncProperty(selection, async (plain) => {
        const { batches } = encodeRecordBatches([toSelection(plain)], options);
        for (const batch of batches) {
          const ours = readRecords(new RecordBatch(batch)).map(headersByName);
          expect((await kafkajsRecords(batch)).map(headersByName)).toStrictEqual(ours);
        }
      }),
    );
  });

  it('encodes the golden batches to the byte', () => {
    const baseMs = 1_700_000_000_000;
    const producer = only(
      encode(
        [
          { key: 'k1', value: 'hello', timestamp: baseMs },
          {
            key: null,
            value: 'world',
            timestamp: baseMs + 5,
            headers: [
              ['h', 'v'],
              ['n', null],
            ],
          },
          { key: 'k3', value: null, timestamp: baseMs - 3 },
        ],
        { producer: { producerId: 1001, producerEpoch: 3, baseSequence: 0 } },
      ).batches,
    );
    const golden = new RecordBatch(Buffer.from(GOLDEN_BATCHES.producerNullHeader, 'hex'));
    // Offset and epoch are stamped later, outside of the CRC.
    expect(producer.bytes.subarray(16)).toStrictEqual(golden.bytes.subarray(16));
    expect(
      only(encode([{ key: 'k', value: 'v', timestamp: 1 }]).batches).bytes.toString('hex'),
    ).toBe(GOLDEN_BATCHES.minimal);
  });

  it('with LogAppendTime every record has the time of the call', () => {
    const records = [1, NOW_MS + 9, -1].map((timestamp) => ({ key: null, value: 'v', timestamp }));
    const batch = only(encode(records, { timestampType: 'LogAppendTime' }).batches);
    expect(batch).toMatchObject({ isLogAppendTime: true, maxTimestamp: NOW_MS });
    expect(readRecords(batch).map((one) => one.timestamp)).toStrictEqual([NOW_MS, NOW_MS, NOW_MS]);
    expect(batch.isCrcValid()).toBe(true);
  });

  it('a record that would take the batch past its size begins the next', () => {
    const records = ['a', 'b', 'c'].map((key) => ({ key, value: Buffer.alloc(40) }));
    const twoBytes = only(encode(records.slice(0, 2)).batches).sizeBytes;
    const counts = (batchSizeBytes: number) =>
      encode(records, { batchSizeBytes }).batches.map((one) => new RecordBatch(one).recordCount);
    expect(counts(twoBytes)).toStrictEqual([2, 1]);
    expect(counts(twoBytes - 1)).toStrictEqual([1, 1, 1]);
    expect(counts(0)).toStrictEqual([1, 1, 1]);
  });

  it('no batch is larger than the hard limit, whatever the soft one is', () => {
    const records = Array.from({ length: 50 }, () => ({ key: null, value: Buffer.alloc(100) }));
    const { batches } = encode(records, { batchSizeBytes: 1e9, maxBatchBytes: 1_000 });
    expect(Math.max(...batches.map((one) => one.length))).toBeLessThanOrEqual(1_000);
    expect(batches.flatMap((one) => readRecords(new RecordBatch(one)))).toHaveLength(50);
  });

  it('a record that fits in no batch is refused with both sizes, the next call succeeds', () => {
    const records = [
      { key: null, value: 'small' },
      { key: null, value: Buffer.alloc(1_000) },
    ];
    const size = batchOfOneSizeBytes(recordSetOf(records), 1);
    expect(only(encode(records.slice(1), { maxBatchBytes: size }).batches).sizeBytes).toBe(size);
    expect(() => encode(records, { maxBatchBytes: size - 1 })).toThrow(
      expect.objectContaining({
        code: 'MESSAGE_TOO_LARGE',
        members: { batchSizeBytes: size, maxMessageBytes: size - 1 },
      }),
    );
    expect(readRecords(only(encode(records.slice(0, 1)).batches))).toHaveLength(1);
  });

  it('makes one batch of all records when asked to, even beyond the soft limit', () => {
    const producer = { producerId: 2 ** 40, producerEpoch: 32_767, baseSequence: 2 ** 31 - 2 };
    const records = Array.from({ length: 20 }, () => ({ key: null, value: Buffer.alloc(100) }));
    const changed = { producer, isOneBatch: true };
    const batch = only(encode(records, { ...changed, batchSizeBytes: 500 }).batches);
    expect(batch).toMatchObject({ ...producer, recordCount: 20, lastSequence: 17 });
    expect(() => encode(records, { ...changed, maxBatchBytes: batch.sizeBytes - 1 })).toThrow(
      expect.objectContaining({ code: 'MESSAGE_TOO_LARGE' }),
    );
  });

  it('stamps each batch with the sequence of its first record, also over the wrap-around', () => {
    const producer = { producerId: 7, producerEpoch: 0, baseSequence: 2 ** 31 - 3 };
    const records = Array.from({ length: 6 }, () => ({ key: null, value: Buffer.alloc(100) }));
    const { batches } = encode(records, { producer, batchSizeBytes: 300 });
    const stamped = batches.map((bytes) => new RecordBatch(bytes));
    expect(stamped.map(({ baseSequence }) => baseSequence)).toStrictEqual([
      2 ** 31 - 3,
      2 ** 31 - 1,
      1,
    ]);
    for (const batch of stamped) {
      expect(batch).toMatchObject({ producerId: 7, producerEpoch: 0, recordCount: 2 });
      expect(batch.isCrcValid()).toBe(true);
    }
  });

  it('nothing selected makes no batch', () => {
    const records = recordSetOf([{ key: null, value: 'v' }]);
    expect(encodeRecordBatches([], options)).toStrictEqual({
      batches: [],
      recordCount: 0,
      starts: [],
    });
    const nothing = { records, indexes: [] };
    expect(encodeRecordBatches([nothing, nothing], options).starts).toStrictEqual([0, 0]);
  });

  it('large and scattered records take the way that does not stage them', () => {
    const records = Array.from({ length: 40 }, (_, index) => ({
      key: `key ${index}`,
      value: Buffer.alloc(100_000, index),
      headers: [['index', String(index)]] as const,
    }));
    const set = recordSetOf(records);
    const indexes = [39, 3, 17];
    const { batches } = encodeRecordBatches([{ records: set, indexes }], options);
    const values = batches.flatMap((one) => readRecords(new RecordBatch(one)));
    expect(values.map(({ key }) => key)).toStrictEqual(['key 39', 'key 3', 'key 17']);
    expect(values.map(({ value }) => value)).toStrictEqual(
      indexes.map((index) => String.fromCharCode(index).repeat(100_000)),
    );
    expect(values[1]?.headers).toStrictEqual([['index', '3']]);
  });

  it('a batch that outgrows the scratch is whole', () => {
    const records = Array.from({ length: 3_000 }, (_, index) => ({
      key: String(index),
      value: Buffer.alloc(700, index % 251),
    }));
    const half = { records: recordSetOf(records.slice(0, 1_000)), indexes: undefined };
    const rest = { records: recordSetOf(records.slice(1_000)), indexes: undefined };
    const producer = { producerId: 1, producerEpoch: 0, baseSequence: 0 };
    const { batches } = encodeRecordBatches([half, rest], {
      ...options,
      maxBatchBytes: 16_777_216,
      producer,
      isOneBatch: true,
    });
    expect(readRecords(only(batches))).toStrictEqual(records.map(expected));
  });
});

describe('batchOfOneSizeBytes', () => {
  it('is the size of the batch that the encoder makes of the record alone', () => {
    fc.assert(
      fc.property(record, fc.boolean(), (plain, inDecoded) => {
        const records = recordSetOf([plain], inDecoded);
        const batch = only(encodeRecordBatches([{ records, indexes: undefined }], options).batches);
        expect(batchOfOneSizeBytes(records, 0)).toBe(batch.sizeBytes);
      }),
    );
    expect(batchOfOneSizeBytes(recordSetOf([{ key: null, value: null }]), 0)).toBe(
      RECORD_BATCH_HEADER_BYTES + 7,
    );
  });
});

/** kafkajs collects headers by name, in an object with its own order of names. */
function headersByName(read: ReadRecord): ReadRecord {
  const names = [...new Set(read.headers.map(([name]) => name))].toSorted();
  const headers = names.flatMap((name) => read.headers.filter(([other]) => other === name));
  return { ...read, headers };
}
