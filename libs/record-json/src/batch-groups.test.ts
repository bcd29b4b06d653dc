import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, test } from 'vitest';
import { encodeRecordBatches, RECORD_BATCH_HEADER_BYTES, RecordBatch, stampBatch } from '#log';
import type { RecordSet } from '#protocol';
import { areRenderedAtOnce, batchGroups, isLargeRecord, isRenderedAtOnce } from './batch-groups.js';
import { parseJsonRecords } from './json-records.js';
import { renderQueueRecords } from './queue-records.js';
import { rawRecord } from './raw-record.js';
import { FORMAT_NAMES, recordFormat } from './record-frame.js';
import {
  type RenderedRecords,
  type RenderRequest,
  renderGroup,
  renderInSlices,
  renderRecords,
  renderRun,
  renderRunInSlices,
} from './render-records.js';

const LIMITS = {
  recordsMax: 100_000,
  headersPerRecordMax: 100,
  faultyMembersMax: 50,
  nowMs: () => 1_000,
};
const ALL: RenderRequest = {
  topic: 'orders "é"',
  partition: 3,
  format: 'default',
  framing: 'array',
  offset: 0,
  recordsMax: 1_000_000,
  bytesMax: Number.MAX_SAFE_INTEGER,
};
const KIB = 1024;
const wanted = () => true;

/** Records of every kind, small and large, in one batch. */
const MIXED: readonly RecordSet[] = [
  fromJson(Array.from({ length: 20_000 }, (_, k) => ({ key: `k${k}`, value: k }))),
  rawRecord(Buffer.from('é"\n\u0001'.repeat(55 * KIB)), { key: 'text' }),
  rawRecord(Buffer.from(`{"a":[\n${'1,\r\n'.repeat(70 * KIB)}1]}`), { valueIsJson: true }),
  rawRecord(Buffer.alloc(300 * KIB + 1, 0xff)),
  fromJson([{ value: 'small', headers: [{ key: 'a', value: null }] }]),
  fromJson([{ value: null, key: 'x'.repeat(270 * KIB) }]),
  fromJson([{ value: 1, headers: { name: '€'.repeat(90 * KIB), other: 'short' } }]),
  fromJson([{ value: 1, headers: [{ key: 'b', valueBase64: 'gIGC'.repeat(90 * KIB) }] }]),
  rawRecord(Buffer.from('{"no json"'.repeat(28 * KIB))),
  fromJson(Array.from({ length: 10 }, () => ({ value: 'last' }))),
];

test('many small records are rendered in slices, although their batch is small', () => {
  const [many] = batchesOf(
    [fromJson(Array.from({ length: 20_000 }, () => ({ value: 1 })))],
    1 << 24,
  );
  const [few] = batchesOf(
    [fromJson(Array.from({ length: 10_000 }, () => ({ value: 1 })))],
    1 << 24,
  );
  const [ten] = batchesOf([fromJson(Array.from({ length: 10 }, () => ({ value: 1 })))], 1 << 24);
  expect(many?.sizeBytes).toBeLessThan(512 * KIB);
  if (many === undefined || few === undefined || ten === undefined) return;
  expect([isRenderedAtOnce(many), areRenderedAtOnce([many])]).toEqual([false, false]);
  expect([isRenderedAtOnce(few), areRenderedAtOnce([few])]).toEqual([true, true]);
  expect(areRenderedAtOnce([few, few])).toBe(false);
  expect(areRenderedAtOnce([few], { format: 'json' })).toBe(false);
  // Few enough records are wanted that the later batches are not rendered.
  expect(areRenderedAtOnce([few, ten, few], { recordsMax: 10 })).toBe(true);
});

describe('renderInSlices', () => {
  const formats = FORMAT_NAMES.map(recordFormat);
  const cases = formats.flatMap((format) => [
    [format, 'array'] as const,
    [format, 'lines'] as const,
  ]);
  const small = batchesOf(MIXED, 16 * KIB);
  const one = batchesOf(MIXED, 1 << 24);
  const packed = one.map(compressed);

  test.each(cases)('is what renderRecords is: %s, %s', async (format, framing) => {
    const request = { ...ALL, format, framing };
    const expected = shown(renderRecords(small, request));
    expect(one).toHaveLength(1);
    for (const batches of [small, one, packed]) {
      expect(shown(await renderInSlices(batches, request, wanted))).toEqual(expected);
    }
  });

  test.each([
    { offset: 19_999 },
    { offset: 20_002, recordsMax: 2 },
    { offset: 10, recordsMax: 5 },
    { offset: 20_003, bytesMax: 10 },
    { offset: 19_990, bytesMax: 300 * KIB },
    { offset: 20_006, bytesMax: 900 * KIB },
  ])('keeps to its bounds as renderRecords does: %s', async (bounds) => {
    const request = { ...ALL, ...bounds };
    const expected = shown(renderRecords(one, request));
    for (const batches of [one, packed]) {
      expect(shown(await renderInSlices(batches, request, wanted))).toEqual(expected);
    }
  });

  it('ends early where nobody wants the rest', async () => {
    const { count, nextOffset } = await renderInSlices(one, ALL, () => false);
    expect(count).toBeGreaterThan(0);
    expect(nextOffset).toBeLessThan(20_000);
  });

  it('answers what stands before a malformed record, and then says why it ends', async () => {
    const [batch] = batchesOf(MIXED.slice(0, 1), 1 << 24);
    if (batch === undefined) throw new Error('there is no batch');
    const bytes = Buffer.from(batch.bytes);
    bytes.fill(0xff, bytes.length - 100);
    const rendered = await renderInSlices([new RecordBatch(bytes)], ALL, wanted);
    expect(rendered.count).toBeGreaterThan(19_000);
    expect(rendered.fault).toMatchObject({ code: 'CORRUPT_MESSAGE' });
  });

  it('answers what stands before a batch that cannot be unpacked', async () => {
    const [first, second] = batchesOf(MIXED.slice(0, 1), 128 * KIB);
    if (first === undefined || second === undefined) throw new Error('there are no batches');
    const damaged = compressed(second);
    damaged.bytes.fill(0, RECORD_BATCH_HEADER_BYTES);
    const { nextOffset, fault } = await renderInSlices([first, damaged], ALL, wanted);
    expect(nextOffset).toBe(first.nextOffset);
    const members = { damagedEndOffset: second.nextOffset };
    expect(fault).toMatchObject({ code: 'CORRUPT_MESSAGE', members });
    await expect(renderInSlices([damaged], ALL, wanted)).rejects.toMatchObject({ members });
  });
});

describe('a large record that cannot be read', () => {
  const [small] = batchesOf([fromJson([{ value: 1 }])], 1 << 24);
  const [large] = batchesOf([rawRecord(Buffer.alloc(2 * 1024 * KIB))], 1 << 24);
  if (small === undefined || large === undefined) throw new Error('there are no batches');
  const bytes = Buffer.from(large.bytes);
  // The length of the record says that it ends within its fields.
  bytes.writeUInt8(2, RECORD_BATCH_HEADER_BYTES);
  stampBatch(bytes, small.nextOffset, 0);
  const damaged = new RecordBatch(bytes);
  const corrupt = { code: 'CORRUPT_MESSAGE', members: { damagedStartOffset: small.nextOffset } };

  it('ends an answer after the records before it', async () => {
    expect(isLargeRecord(damaged)).toBe(true);
    const { count, fault } = await renderInSlices([small, damaged], ALL, wanted);
    expect({ count, fault }).toMatchObject({ count: 1, fault: corrupt });
    await expect(renderInSlices([damaged], ALL, wanted)).rejects.toMatchObject(corrupt);
  });

  it('is the error of a run, and of the records of a queue', async () => {
    await expect(renderGroup([damaged], ALL)).rejects.toMatchObject(corrupt);
    const records = [{ offset: small.nextOffset, deliveryCount: 1 }];
    const queued = { topic: 'orders', partition: 3, batches: [damaged], records };
    await expect(renderQueueRecords(queued, 'default')).rejects.toMatchObject(corrupt);
  });
});

it('a record of a queue that cannot be read is an error, and not left out', async () => {
  const [batch] = batchesOf([fromJson([{ value: 1 }, { value: 2 }, { value: 3 }])], 1 << 24);
  if (batch === undefined) throw new Error('there is no batch');
  const bytes = Buffer.from(batch.bytes);
  bytes.fill(0xff, bytes.length - 3);
  const batches = [new RecordBatch(bytes)];
  const queued = { topic: 'orders', partition: 3, batches };
  const at = (offset: number) => ({ ...queued, records: [{ offset, deliveryCount: 1 }] });
  expect((await renderQueueRecords(at(1), 'default')).offsets).toEqual([1]);
  await expect(renderQueueRecords(at(2), 'default')).rejects.toMatchObject({
    code: 'CORRUPT_MESSAGE',
  });
});

test('runs in slices have the records of one run', async () => {
  const batches = batchesOf(MIXED, 1 << 24);
  const { topic, partition } = ALL;
  const bounds = { topic, partition, recordsMax: 1_000_000, bytesMax: 1 << 28 };
  const whole = renderRun(batches, { ...bounds, offset: 0 });
  const pieces: Buffer[] = [];
  const offsets: number[] = [];
  for (let offset = 0; offset < whole.nextOffset; ) {
    const run = await renderRunInSlices(batches, { ...bounds, offset });
    expect(run.ends.at(-1)).toBe(run.bytes.length);
    pieces.push(run.bytes);
    offsets.push(...run.offsets);
    offset = run.nextOffset;
  }
  expect(Buffer.concat(pieces).equals(whole.bytes)).toBe(true);
  expect(offsets).toEqual(whole.offsets);
});

test('no group is larger than a slice, but for a record alone', async () => {
  for await (const group of batchGroups(batchesOf(MIXED, 1 << 24), 0)) {
    const sizeBytes = group.reduce((sum, batch) => sum + batch.sizeBytes, 0);
    const isAlone = group.length === 1 && group.every(isLargeRecord);
    expect(isAlone || sizeBytes <= 256 * KIB + RECORD_BATCH_HEADER_BYTES).toBe(true);
  }
});

function shown({ chunks, ...rest }: RenderedRecords): object {
  const bytes = Buffer.concat(chunks);
  // A digest keeps a failure readable.
  return {
    ...rest,
    length: bytes.length,
    text: bytes.toString('latin1').slice(0, 200),
    hash: hash(bytes),
  };
}

function hash(bytes: Buffer): string {
  return createHash('sha1').update(bytes).digest('hex');
}

function fromJson(records: readonly object[]): RecordSet {
  return parseJsonRecords(Buffer.from(JSON.stringify({ records })), LIMITS);
}

function batchesOf(sets: readonly RecordSet[], batchSizeBytes: number): RecordBatch[] {
  const selections = sets.map((records) => ({ records, indexes: undefined }));
  const timestampType = 'CreateTime';
  const options = { nowMs: 1_700_000_000_000, timestampType, batchSizeBytes } as const;
  let next = 0;
  return encodeRecordBatches(selections, { ...options, maxBatchBytes: 1 << 24 }).batches.map(
    (bytes) => {
      stampBatch(bytes, next, 0);
      const batch = new RecordBatch(bytes);
      next = batch.nextOffset;
      return batch;
    },
  );
}

/** Compresses the batch as a producer with gzip does. */
function compressed({ bytes }: RecordBatch): RecordBatch {
  const head = bytes.subarray(0, RECORD_BATCH_HEADER_BYTES);
  const packed = Buffer.concat([head, gzipSync(bytes.subarray(RECORD_BATCH_HEADER_BYTES))]);
  packed.writeInt32BE(packed.length - 12, 8);
  packed.writeInt16BE(packed.readInt16BE(21) | 1, 21);
  return new RecordBatch(packed);
}
