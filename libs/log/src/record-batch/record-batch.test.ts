import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { GOLDEN_BATCHES } from '../testing/golden-batches.js';
import { kafkajsRecords } from '../testing/kafkajs-decoder.js';
import { readRecords } from '../testing/record-sets.js';
import { testBatch } from '../testing/test-batches.js';
import { crc32c } from './crc32c.js';
import { emptyBatch } from './empty-batch.js';
import {
  ATTRIBUTES_AT,
  BASE_OFFSET_AT,
  BASE_SEQUENCE_AT,
  BASE_TIMESTAMP_AT,
  BATCH_LENGTH_AT,
  batchSizeAt,
  CRC_AT,
  LAST_OFFSET_DELTA_AT,
  MAGIC_AT,
  PRODUCER_ID_AT,
  RECORD_BATCH_HEADER_BYTES,
  RECORD_COUNT_AT,
  RecordBatch,
  stampBatch,
} from './record-batch.js';
import { RecordCursor } from './record-cursor.js';

const TIMESTAMP = 1_700_000_000_000;

const PRODUCER_HEADER = {
  baseOffset: 42,
  lastOffset: 44,
  nextOffset: 45,
  sizeBytes: 103,
  leaderEpoch: 7,
  attributes: 0,
  compression: 'none',
  isLogAppendTime: false,
  isTransactional: false,
  isControl: false,
  hasDeleteHorizon: false,
  baseTimestamp: TIMESTAMP,
  maxTimestamp: TIMESTAMP + 5,
  producerId: 1001,
  producerEpoch: 3,
  baseSequence: 0,
  lastSequence: 2,
  recordCount: 3,
};

const plain = { attributes: 0, headers: [] };

function golden(name: keyof typeof GOLDEN_BATCHES): RecordBatch {
  return new RecordBatch(Buffer.from(GOLDEN_BATCHES[name], 'hex'));
}

/** A golden batch with some bytes of it changed and its CRC made right again. */
function changed(name: keyof typeof GOLDEN_BATCHES, change: (bytes: Buffer) => void): RecordBatch {
  const bytes = Buffer.from(GOLDEN_BATCHES[name], 'hex');
  change(bytes);
  return sealed(bytes);
}

/** A golden batch with another records section. */
function withRecords(name: keyof typeof GOLDEN_BATCHES, records: Buffer): RecordBatch {
  const header = Buffer.from(GOLDEN_BATCHES[name], 'hex').subarray(0, RECORD_BATCH_HEADER_BYTES);
  const bytes = Buffer.concat([header, records]);
  bytes.writeInt32BE(bytes.length - 12, BATCH_LENGTH_AT);
  return sealed(bytes);
}

function sealed(bytes: Buffer): RecordBatch {
  bytes.writeUInt32BE(crc32c(bytes, ATTRIBUTES_AT), CRC_AT);
  return new RecordBatch(bytes);
}

function protocolError(code: string) {
  return expect.objectContaining({ name: 'ProtocolError', code });
}

describe('golden batches', () => {
  it.each(Object.keys(GOLDEN_BATCHES) as (keyof typeof GOLDEN_BATCHES)[])(
    '%s has a right CRC, and any bit flipped after the CRC is seen',
    (name) => {
      expect(golden(name).isCrcValid()).toBe(true);
      for (let at = ATTRIBUTES_AT; at < golden(name).sizeBytes; at += 1) {
        const { bytes } = golden(name);
        bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
        expect(new RecordBatch(bytes).isCrcValid()).toBe(false);
      }
    },
  );

  it('a batch of a producer: header, nulls, headers and a timestamp before the first', () => {
    const batch = golden('producer');
    expect(batch).toMatchObject(PRODUCER_HEADER);
    expect(readRecords(batch)).toStrictEqual([
      { ...plain, offset: 42, timestamp: TIMESTAMP, key: 'k1', value: 'hello' },
      {
        ...plain,
        offset: 43,
        timestamp: TIMESTAMP + 5,
        key: null,
        value: 'world',
        headers: [
          ['h', 'v'],
          ['n', ''],
        ],
      },
      { ...plain, offset: 44, timestamp: TIMESTAMP - 3, key: 'k3', value: null },
    ]);
  });

  it('a header without a value is null, not empty', () => {
    const batch = golden('producerNullHeader');
    expect(batch).toMatchObject(PRODUCER_HEADER);
    expect(readRecords(batch)[1]?.headers).toStrictEqual([
      ['h', 'v'],
      ['n', null],
    ]);
  });

  it('a batch without a producer', () => {
    const batch = golden('minimal');
    expect(batch).toMatchObject({ producerId: -1, producerEpoch: -1, baseSequence: -1 });
    expect(batch).toMatchObject({ baseOffset: 0, nextOffset: 1, lastSequence: -1, leaderEpoch: 0 });
    expect(readRecords(batch)).toStrictEqual([
      { ...plain, offset: 0, timestamp: 1, key: 'k', value: 'v' },
    ]);
  });

  it("with LogAppendTime every record has the batch's timestamp", () => {
    const batch = golden('logAppendTime');
    expect(batch).toMatchObject({ isLogAppendTime: true, maxTimestamp: 99, leaderEpoch: 1 });
    expect(readRecords(batch)).toStrictEqual([
      { ...plain, offset: 5, timestamp: 99, key: 'k', value: 'v' },
    ]);
  });

  it('a control batch is recognised', () => {
    const batch = golden('commitMarker');
    expect(batch).toMatchObject({ isControl: true, isTransactional: true, baseSequence: -1 });
    expect(batch).toMatchObject({ producerId: 1001, producerEpoch: 3, lastSequence: -1 });
    expect(readRecords(batch)).toStrictEqual([
      {
        ...plain,
        offset: 100,
        timestamp: TIMESTAMP,
        key: '\0\0\0\x01',
        value: '\0\0\0\0\0\t',
      },
    ]);
    expect(golden('producer').isControl).toBe(false);
  });

  it('an empty batch has an offset and no records', () => {
    const batch = golden('empty');
    expect(batch).toMatchObject({ recordCount: 0, baseTimestamp: -1, maxTimestamp: TIMESTAMP });
    expect(batch).toMatchObject({ baseOffset: 0, nextOffset: 1 });
    expect(readRecords(batch)).toStrictEqual([]);
  });

  it('a batch that a Java broker compressed with gzip', () => {
    const batch = golden('javaBroker');
    expect(batch).toMatchObject({ compression: 'gzip', isLogAppendTime: true, recordCount: 1 });
    const value = 'value-0-2020-08-14T17:13:08.682Z';
    expect(readRecords(batch)).toStrictEqual([
      { ...plain, offset: 0, timestamp: 1_597_425_188_809, key: 'key-0', value },
    ]);
    expect(batch.recordsBytes()).toEqual(batch.recordsBytes());
  });

  it.each(Object.keys(GOLDEN_BATCHES) as (keyof typeof GOLDEN_BATCHES)[])(
    'kafkajs reads the same records in %s',
    async (name) => {
      expect(await kafkajsRecords(golden(name).bytes)).toStrictEqual(readRecords(golden(name)));
    },
  );
});

describe('RecordBatch', () => {
  it('without records has its offsets and nothing else, for kafkajs too', async () => {
    const bytes = emptyBatch({ baseOffset: 2 ** 40, lastOffset: 2 ** 40 + 9 }, 7);
    const batch = new RecordBatch(bytes);
    expect(batch).toMatchObject({
      baseOffset: 2 ** 40,
      nextOffset: 2 ** 40 + 10,
      leaderEpoch: 7,
      attributes: 0,
      baseTimestamp: -1,
      maxTimestamp: -1,
      producerId: -1,
      producerEpoch: -1,
      baseSequence: -1,
      recordCount: 0,
    });
    expect(batch.isCrcValid()).toBe(true);
    expect(new RecordCursor(batch).next()).toBe(false);
    expect(await kafkajsRecords(bytes)).toEqual([]);
  });

  it('offsets and sequences of a compacted batch keep the gap', () => {
    const batch = changed('producer', (bytes) => {
      bytes.writeInt32BE(9, LAST_OFFSET_DELTA_AT);
      bytes.writeInt32BE(2 ** 31 - 4, BASE_SEQUENCE_AT);
    });
    expect(batch).toMatchObject({ lastOffset: 51, nextOffset: 52, recordCount: 3 });
    expect(batch.lastSequence).toBe(5);
    expect(readRecords(batch).map(({ offset }) => offset)).toStrictEqual([42, 43, 44]);
  });

  it('the last sequence may be the greatest there is', () => {
    const batch = changed('producer', (bytes) => bytes.writeInt32BE(2 ** 31 - 3, BASE_SEQUENCE_AT));
    expect(batch.lastSequence).toBe(2 ** 31 - 1);
  });

  it('the delete horizon is seen', () => {
    const batch = changed('minimal', (bytes) => bytes.writeInt16BE(0x40, ATTRIBUTES_AT));
    expect(batch.hasDeleteHorizon).toBe(true);
    expect(golden('minimal').hasDeleteHorizon).toBe(false);
  });

  it.each([
    ['producer id', PRODUCER_ID_AT, (batch: RecordBatch) => batch.producerId],
    ['base offset', BASE_OFFSET_AT, (batch: RecordBatch) => batch.baseOffset],
  ])('a %s beyond 2^53 is damage', (_name, at, read) => {
    const huge = changed('minimal', (bytes) => bytes.writeBigInt64BE(2n ** 63n - 1n, at));
    expect(() => read(huge)).toThrow(protocolError('CORRUPT_MESSAGE'));
    const greatest = changed('minimal', (bytes) =>
      bytes.writeBigInt64BE(BigInt(Number.MAX_SAFE_INTEGER), at),
    );
    expect(read(greatest)).toBe(Number.MAX_SAFE_INTEGER);
  });

  it('a timestamp of a record beyond 2^53 is damage', () => {
    const bytes = testBatch([1, 2].map((timestamp) => ({ key: null, value: 'v', timestamp })));
    const readFrom = (baseTimestamp: number) => {
      bytes.writeBigInt64BE(BigInt(baseTimestamp), BASE_TIMESTAMP_AT);
      return readRecords(new RecordBatch(bytes)).map(({ timestamp }) => timestamp);
    };
    const greatest = Number.MAX_SAFE_INTEGER;
    expect(readFrom(greatest - 1)).toEqual([greatest - 1, greatest]);
    expect(() => readFrom(greatest)).toThrow(protocolError('CORRUPT_MESSAGE'));
  });

  it('negative offsets and counts are damage', () => {
    const offset = changed('minimal', (bytes) => bytes.writeBigInt64BE(-1n, BASE_OFFSET_AT));
    expect(() => offset.baseOffset).toThrow(protocolError('CORRUPT_MESSAGE'));
    const delta = changed('minimal', (bytes) => bytes.writeInt32BE(-1, LAST_OFFSET_DELTA_AT));
    expect(() => delta.lastOffset).toThrow(protocolError('CORRUPT_MESSAGE'));
    const count = changed('minimal', (bytes) => bytes.writeInt32BE(-1, RECORD_COUNT_AT));
    expect(() => count.recordCount).toThrow(protocolError('CORRUPT_MESSAGE'));
  });

  it('bytes that are not framed as one batch of magic 2 are refused', () => {
    const { bytes } = golden('producer');
    const magic1 = Buffer.from(bytes);
    magic1[MAGIC_AT] = 1;
    for (const wrong of [
      bytes.subarray(0, -1),
      Buffer.concat([bytes, Buffer.alloc(1)]),
      bytes.subarray(0, 60),
      Buffer.alloc(0),
      magic1,
    ]) {
      expect(() => new RecordBatch(wrong)).toThrow(protocolError('CORRUPT_MESSAGE'));
    }
  });

  it('a codec is named in its attributes, and one that Kafka does not have is refused', () => {
    for (const [codec, name] of [
      [0, 'none'],
      [1, 'gzip'],
      [2, 'snappy'],
      [3, 'lz4'],
      [4, 'zstd'],
    ] as const) {
      const batch = changed('minimal', (bytes) => bytes.writeInt16BE(codec, ATTRIBUTES_AT));
      expect(batch.compression).toBe(name);
    }
    const unknown = changed('minimal', (bytes) => bytes.writeInt16BE(5, ATTRIBUTES_AT));
    expect(() => unknown.compression).toThrow(protocolError('UNSUPPORTED_COMPRESSION_TYPE'));
    expect(() => new RecordCursor(unknown)).toThrow('codec 5');
  });
});

describe('stampBatch', () => {
  it('sets base offset and leader epoch and leaves the CRC right', () => {
    for (const offset of [0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
      const batch = golden('producer');
      stampBatch(batch.bytes, offset, 2 ** 31 - 1);
      expect(batch).toMatchObject({ baseOffset: offset, leaderEpoch: 2 ** 31 - 1 });
      expect(batch.isCrcValid()).toBe(true);
    }
  });

  it('makes of one golden batch the other', () => {
    const { bytes } = golden('producer');
    stampBatch(bytes, 0, 0);
    stampBatch(bytes, 42, 7);
    expect(bytes.toString('hex')).toBe(GOLDEN_BATCHES.producer);
  });
});

describe('batchSizeAt', () => {
  const two = Buffer.concat([golden('producer').bytes, golden('minimal').bytes]);

  it('walks concatenated batches to their end', () => {
    expect(batchSizeAt(two, 0)).toBe(103);
    expect(batchSizeAt(two, 103)).toBe(70);
    expect(batchSizeAt(two, 173)).toBeUndefined();
  });

  it('tells the size of a batch whose end is missing, down to 18 bytes', () => {
    expect(batchSizeAt(two.subarray(0, 18), 0)).toBe(103);
    expect(batchSizeAt(two.subarray(0, 17), 0)).toBeUndefined();
  });

  it('refuses a size that no batch has', () => {
    const bytes = Buffer.alloc(100);
    for (const length of [13, 0, -1, -(2 ** 31)]) {
      bytes.writeInt32BE(length, BATCH_LENGTH_AT);
      expect(() => batchSizeAt(bytes, 0)).toThrow(protocolError('CORRUPT_MESSAGE'));
    }
    bytes.writeInt32BE(14, BATCH_LENGTH_AT);
    expect(batchSizeAt(bytes, 0)).toBe(26);
  });
});

describe('RecordCursor', () => {
  const record = Buffer.from('10000000026b027600', 'hex');

  it('says where key, value and headers stand and how large the record is', () => {
    const cursor = new RecordCursor(golden('producer'));
    expect([cursor.next(), cursor.next()]).toStrictEqual([true, true]);
    expect(cursor).toMatchObject({ keyStart: -1, keyEnd: -1, sizeBytes: 19, headerCount: 2 });
    const { bytes, valueStart, valueEnd, headersStart, headersEnd } = cursor;
    expect(bytes.toString('latin1', valueStart, valueEnd)).toBe('world');
    expect(bytes.toString('hex', headersStart, headersEnd)).toBe('02680276026e00');
    expect([cursor.next(), cursor.next(), cursor.next()]).toStrictEqual([true, false, false]);
  });

  it.each([
    ['bytes left over after the last record', Buffer.concat([record, Buffer.alloc(1)])],
    ['no record where one is counted', Buffer.alloc(0)],
    ['a record cut off', record.subarray(0, -1)],
    ['a negative record length', Buffer.from('01000000026b027600', 'hex')],
    ['an empty record', Buffer.from('00', 'hex')],
    ['a record longer than its fields', Buffer.from('12000000026b02760000', 'hex')],
    ['a record shorter than its fields', Buffer.from('0e000000026b027600', 'hex')],
    ['a key longer than its record', Buffer.from('10000000106b027600', 'hex')],
    ['a value longer than its record', Buffer.from('10000000026b0c7600', 'hex')],
    ['a key of negative length', Buffer.from('0c0000000302760000', 'hex')],
    ['a value of negative length', Buffer.from('0e000000026b0300', 'hex')],
    ['an offset beyond the batch', Buffer.from('10000002026b027600', 'hex')],
    ['an offset before the batch', Buffer.from('10000001026b027600', 'hex')],
    ['a negative number of headers', Buffer.from('10000000026b027601', 'hex')],
    ['headers that are missing', Buffer.from('10000000026b027602', 'hex')],
    ['a header without a key', Buffer.from('14000000026b0276020100', 'hex')],
    ['a header value that ends too late', Buffer.from('14000000026b0276020004', 'hex')],
    ['a header value of negative length', Buffer.from('14000000026b0276020003', 'hex')],
    ['a varint that does not end', Buffer.from('ffffffffffffffffff', 'hex')],
    ['a timestamp beyond 2^53', Buffer.from('2200ffffffffffffffffff0100026b027600', 'hex')],
  ])('%s is damage', (_name, records) => {
    const cursor = new RecordCursor(withRecords('minimal', records));
    expect(() => {
      while (cursor.next());
    }).toThrow(protocolError('CORRUPT_MESSAGE'));
  });

  it('the same record in its right form is none', () => {
    expect(readRecords(withRecords('minimal', record))).toHaveLength(1);
  });

  it('offsets that do not rise are damage', () => {
    const batch = changed('producer', (bytes) => {
      bytes[bytes.indexOf('24000a02', 'hex') + 3] = 0;
    });
    const cursor = new RecordCursor(batch);
    expect(cursor.next()).toBe(true);
    expect(() => cursor.next()).toThrow(protocolError('CORRUPT_MESSAGE'));
  });

  it('gzip that holds other than what the header counts is damage', () => {
    const twice = Buffer.concat([record, Buffer.from('10000002026b027600', 'hex')]);
    const batch = withRecords('javaBroker', gzipSync(twice));
    const cursor = new RecordCursor(batch);
    expect(cursor.next()).toBe(true);
    expect(() => cursor.next()).toThrow(protocolError('CORRUPT_MESSAGE'));
  });
});
