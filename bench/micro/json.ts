/**
 * Micro benchmarks of the JSON codec of records: bodies in, fetch answers out, each beside what
 * `JSON.parse` and `JSON.stringify` take for the same bytes.
 *
 *     npx tsc -p bench/tsconfig.json && node --expose-gc dist/esm/bench/micro/json.js
 */
import { bench, do_not_optimize, group, run } from 'mitata';
import { parseJsonRecord, parseJsonRecords } from '../../apps/gateway/src/records/json-records.js';
import { assertJson } from '../../apps/gateway/src/records/json-scanner.js';

const LIMITS = { recordsMax: 100_000, headersPerRecordMax: 100 };

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
group('in: one line of NDJSON', () => {
  bench('parseJsonRecord', () => do_not_optimize(parseJsonRecord(line, LIMITS)));
});

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
