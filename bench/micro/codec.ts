/**
 * Micro benchmarks of the record batch codec: the cost of a record on its way into and out of the
 * log.
 *
 *     npx tsc -p bench/tsconfig.json && node --expose-gc dist/esm/bench/micro/codec.js
 */
import { bench, do_not_optimize, group, run } from 'mitata';
import { crc32c } from '../../libs/log/src/record-batch/crc32c.js';
import { RecordBatch } from '../../libs/log/src/record-batch/record-batch.js';
import {
  type EncodeOptions,
  encodeRecordBatches,
  type RecordSelection,
} from '../../libs/log/src/record-batch/record-batch-encoder.js';
import { RecordCursor } from '../../libs/log/src/record-batch/record-cursor.js';
import { RECORD_STRIDE, type RecordSet } from '../../libs/protocol/src/record-set.js';

const OPTIONS: EncodeOptions = {
  nowMs: 1_750_000_000_000,
  timestampType: 'CreateTime',
  batchSizeBytes: 16_384,
  maxBatchBytes: 1_048_588,
};

const one = selectionOf(1);
const hundred = selectionOf(100);
const hundredWithKeys = selectionOf(100, true);
const everyEighth = { ...hundred, indexes: Array.from({ length: 12 }, (_, index) => index * 8) };
const merged = Array.from({ length: 64 }, () => one);

group('encode', () => {
  bench('1 record of 100 B', () => encode([one]));
  bench('100 records of 100 B', () => encode([hundred]));
  bench('100 records of 100 B with keys', () => encode([hundredWithKeys]));
  bench('12 of 100 records of 100 B', () => encode([everyEighth]));
  bench('64 requests of 1 record of 100 B', () => encode(merged));
});

const batch = batchOf(16_384);
group(`read a batch of ${batch.sizeBytes} bytes, ${batch.recordCount} records`, () => {
  bench('header and every record', () => do_not_optimize(readAll(batch.bytes)));
  bench('CRC', () => do_not_optimize(batch.isCrcValid()));
});

group('CRC-32C', () => {
  for (const sizeBytes of [128, 1_024, 16_384, 1_048_576]) {
    const bytes = Buffer.alloc(sizeBytes, 7);
    bench(`${sizeBytes} bytes`, () => do_not_optimize(crc32c(bytes)));
  }
});

await run();

function encode(selections: readonly RecordSelection[]): void {
  do_not_optimize(encodeRecordBatches(selections, OPTIONS));
}

/** Records as from a JSON body: values of 100 bytes between the bytes of their objects. */
function selectionOf(count: number, withKeys = false): RecordSelection {
  let body = '{"records":[';
  const fields: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const keyStart = body.length + '{"key":"'.length;
    if (withKeys) body += `{"key":"key-${index}","value":`;
    else body += '{"value":';
    const keyEnd = withKeys ? body.length - '","value":'.length : -1;
    const valueStart = body.length;
    body += `"${String(index).padEnd(98, 'x')}"`;
    fields.push(valueStart, body.length, withKeys ? keyStart : -1, keyEnd, 0, 0, 0, 1, -1, -1);
    body += '},';
  }
  if (fields.length !== count * RECORD_STRIDE) throw new Error('the stride has changed');
  const records: RecordSet = {
    source: Buffer.from(`${body.slice(0, -1)}]}`),
    decoded: new Uint8Array(0),
    count,
    fields,
  };
  return { records, indexes: undefined };
}

/** The first full batch of this size. */
function batchOf(batchSizeBytes: number): RecordBatch {
  const { batches } = encodeRecordBatches([selectionOf(1_000)], { ...OPTIONS, batchSizeBytes });
  const [first] = batches;
  if (first === undefined) throw new Error('nothing was encoded');
  return new RecordBatch(first);
}

/** Reads every field of every record, as a renderer does. */
function readAll(bytes: Buffer): number {
  const cursor = new RecordCursor(new RecordBatch(bytes));
  let sum = 0;
  while (cursor.next()) {
    sum += cursor.offset + cursor.timestamp + cursor.keyEnd + cursor.valueEnd + cursor.headerCount;
  }
  return sum;
}
