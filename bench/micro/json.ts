/**
 * Micro benchmarks of the JSON codec of records, for bodies and for fetch answers, beside
 * `JSON.parse` and `JSON.stringify` of the same bytes.
 *
 *     npx tsc -p bench/tsconfig.json && node --expose-gc dist/esm/bench/micro/json.js
 */

import { bench, do_not_optimize, group, run } from 'mitata';
import { encodeRecordBatches, RecordBatch, RecordCursor, stampBatch } from '#log';
import {
  assertJson,
  NdjsonLines,
  parseJsonRecord,
  parseJsonRecordLines,
  parseJsonRecords,
  RenderCache,
  type RenderRequest,
  renderRecords,
} from '#record-json';

const LIMITS = {
  recordsMax: 100_000,
  headersPerRecordMax: 100,
  faultyMembersMax: 1000,
  nowMs: () => 1_000,
};

const text = 'abcdefghijklmnopqrstuvwxyz0123456789 '.repeat(3).slice(0, 94);
const smallObject = (id: number): unknown => ({
  id: 100_000 + id,
  name: `sensor-${id}`,
  ok: true,
  at: 1_700_000_000_123,
  values: [1.5, 2.25, -3],
  unit: 'celsius',
});

const bodies = {
  '100 strings of 100 B': recordsBody((id) => ({ value: `${text}${100_000 + id}` })),
  '100 small objects': recordsBody((id) => ({ value: smallObject(id) })),
  '100 small objects with key': recordsBody((id) => ({ key: `k${id}`, value: smallObject(id) })),
  '1 string of 100 B': recordsBody((id) => ({ value: `${text}${100_000 + id}` }), 1),
  '1 small object alone': Buffer.from(JSON.stringify({ value: smallObject(1) })),
};

for (const [name, body] of Object.entries(bodies)) {
  group(`in: ${name}, ${body.length} bytes`, () => {
    bench('parseJsonRecords', () => do_not_optimize(parseJsonRecords(body, LIMITS)));
    bench('assertJson', () => do_not_optimize(assertJson(body)));
    bench('JSON.parse', () => do_not_optimize(JSON.parse(body.toString())));
    bench('JSON.parse, JSON.stringify each value', () => parseAndPrint(body));
  });
}

const line = Buffer.from(JSON.stringify({ value: smallObject(1) }));
const manyLines = Buffer.from(
  Array.from({ length: 1000 }, (_, id) => `${JSON.stringify({ value: smallObject(id) })}\n`).join(
    '',
  ),
);
group('in: NDJSON', () => {
  bench('one line: parseJsonRecord', () => do_not_optimize(parseJsonRecord(line, LIMITS)));
  bench('1000 lines: NdjsonLines, parseJsonRecordLines', () => {
    const block = new NdjsonLines(1_000_000).push(manyLines);
    do_not_optimize(parseJsonRecordLines(block, LIMITS, 1_000_000));
  });
});

const logs = {
  '1000 strings': batchesOf((id) => ({ value: `${text}${100_000 + id}` })),
  '1000 small objects with key': batchesOf((id) => ({ key: `k${id}`, value: smallObject(id) })),
  '1000 texts': batchesOf((id) => ({
    valueBase64: Buffer.from(`${text}${100_000 + id}`).toString('base64'),
  })),
};
const request: RenderRequest = {
  topic: 'orders',
  partition: 3,
  format: 'default',
  framing: 'array',
  offset: 0,
  recordsMax: 1e6,
  bytesMax: 1e9,
};

for (const [name, batches] of Object.entries(logs)) {
  group(`out: ${name}, in ${batches.length} batches`, () => {
    const cache = new RenderCache(64 * 1024 * 1024);
    const shown = JSON.parse(
      `[${Buffer.concat(renderRecords(batches, request).chunks).toString()}]`,
    ) as unknown[];
    bench('renderRecords', () => do_not_optimize(renderRecords(batches, request)));
    bench('renderRecords, lines', () => renderRecords(batches, { ...request, framing: 'lines' }));
    bench('RenderCache', () => do_not_optimize(cache.render(batches, request)));
    bench('RecordCursor alone', () => walk(batches));
    bench('JSON.stringify of the same objects', () =>
      do_not_optimize(Buffer.from(JSON.stringify(shown))),
    );
  });
}

await run();

function recordsBody(record: (id: number) => unknown, count = 100): Buffer {
  return Buffer.from(
    JSON.stringify({ records: Array.from({ length: count }, (_, id) => record(id)) }),
  );
}

function parseAndPrint(body: Buffer): void {
  const parsed = JSON.parse(body.toString()) as { records?: { value: unknown }[] };
  for (const { value } of parsed.records ?? [parsed as { value: unknown }]) {
    do_not_optimize(Buffer.from(JSON.stringify(value)));
  }
}

/** Batches of a thousand such records, from offset 1,000,000 on. */
function batchesOf(record: (id: number) => unknown): RecordBatch[] {
  const records = parseJsonRecords(recordsBody(record, 1000), LIMITS);
  const encoded = encodeRecordBatches([{ records, indexes: undefined }], {
    nowMs: 1_700_000_000_000,
    timestampType: 'CreateTime',
    batchSizeBytes: 16_384,
    maxBatchBytes: 1_048_588,
  });
  let offset = 1_000_000;
  return encoded.batches.map((bytes) => {
    stampBatch(bytes, offset, 0);
    const batch = new RecordBatch(bytes);
    offset = batch.nextOffset;
    return batch;
  });
}

function walk(batches: readonly RecordBatch[]): void {
  for (const batch of batches) {
    const cursor = new RecordCursor(batch);
    while (cursor.next()) do_not_optimize(cursor.valueEnd);
  }
}
