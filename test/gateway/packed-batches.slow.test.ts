import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { compressFrameSync } from 'lz4-napi';
import { compressSync as compressSnappy } from 'snappy';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';
import { packedBatch } from '../support/packed-batch.js';
import { SliceChecks } from '../support/slice-checks.js';

const MIB = 1024 * 1024;
/** Little less than a batch may unpack to: SLUICE_UNPACKED_BATCH_BYTES_MAX is 64 MiB. */
const VALUE_BYTES = 63 * MIB;

const gzip = (records: Buffer): Buffer => gzipSync(records, { level: 1 });
const one = ['x'.repeat(VALUE_BYTES)];
const two = ['y'.repeat(VALUE_BYTES / 2), 'z'.repeat(VALUE_BYTES / 2)];
const many = Array.from({ length: VALUE_BYTES / 1024 - 100 }, () => 'v'.repeat(1024));
const batches: Readonly<Record<string, () => Buffer>> = {
  'gzip-many': () => packedBatch(many, 1, gzip),
  'gzip-one': () => packedBatch(one, 1, gzip),
  'gzip-two': () => packedBatch(two, 1, gzip),
  'snappy-many': () => packedBatch(many, 2, compressSnappy),
  'lz4-many': () => packedBatch(many, 3, (records) => compressFrameSync(records)),
};

let gateway: GatewayProcess;
let checks: SliceChecks;

/** A gateway that finds such batches in its log, which only Kafka writes. */
beforeAll(async () => {
  gateway = await GatewayProcess.start({ NODE_OPTIONS: '--inspect=127.0.0.1:0' });
  for (const name of Object.keys(batches)) await createTopic(name);
  await gateway.stop();
  for (const [name, batch] of Object.entries(batches)) {
    await writeFile(join(gateway.dataDir, `${name}-0`, `${'0'.repeat(20)}.log`), batch());
  }
  await gateway.start();
  checks = await SliceChecks.of(gateway);
});

afterAll(async () => {
  checks?.close();
  await gateway?.dispose();
});

test('no batch that unpacks to 64 MiB stops the event loop', async () => {
  for (const name of Object.keys(batches)) {
    await checks.check(name, async () => {
      const path = `/v1/topics/${name}/partitions/0/records?limit=100000&maxBytes=${50 * MIB}`;
      const answer = await fetch(gateway.url + path);
      expect(answer.status).toBe(200);
      let sizeBytes = 0;
      for await (const chunk of answer.body ?? []) sizeBytes += chunk.length;
      expect(sizeBytes).toBeGreaterThan(VALUE_BYTES / 3);
    });
  }
  expect(checks.takeTooLong()).toEqual([]);
});

async function createTopic(name: string): Promise<void> {
  const body = JSON.stringify({ name, configs: { 'retention.ms': '-1' } });
  const headers = { 'Content-Type': 'application/json' };
  const answer = await fetch(`${gateway.url}/v1/topics`, { method: 'POST', headers, body });
  expect(answer.status, await answer.text()).toBe(201);
}
