/**
 * Runs five thousand subscribers of one topic on one broker, of which a hundred read nothing: the
 * others get all records, memory is bounded, and all catch up when they reconnect at once.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';
import { CheckedSocket } from './checked-reader.js';

const SUBSCRIBERS = Number(process.env['SLUICE_STRESS_SUBSCRIBERS'] ?? 5000);
const STALLED = SUBSCRIBERS / 50;
const ROUNDS = 40;
const RECORDS_PER_ROUND = 10;
const MEMORY_BYTES_MAX = 1024 * 1024 * 1024;
const OPENED_AT_ONCE = 200;
const TOPIC = 'many';

let gateway: GatewayProcess;

beforeAll(async () => {
  gateway = await GatewayProcess.start();
  await post('/v1/topics', { name: TOPIC, partitions: 1 });
});

afterAll(() => gateway.dispose());

describe(`${SUBSCRIBERS} subscribers of one topic`, () => {
  test('readers get all records, reconnecting ones catch up, and memory is bounded', async () => {
    const readers = Array.from(
      { length: SUBSCRIBERS },
      () => new CheckedSocket(gateway.url, TOPIC),
    );
    for (let first = 0; first < SUBSCRIBERS; first += OPENED_AT_ONCE) {
      const some = readers.slice(first, first + OPENED_AT_ONCE);
      await Promise.all(some.map((reader) => reader.open()));
    }
    const idleBytes = residentBytes();
    for (const reader of readers.slice(0, STALLED)) reader.pause();

    let end = await produce(ROUNDS);
    await Promise.all(
      readers.slice(STALLED).map((reader) => reader.until(() => reader.history.hasReached([end]))),
    );
    expect(readers.slice(0, STALLED).every(({ history }) => history.received === 0)).toBe(true);
    const deliveredBytes = residentBytes();

    for (const reader of readers) reader.cut();
    end = await produce(ROUNDS);
    const startedMs = performance.now();
    await Promise.all(readers.map((reader) => reader.reopen()));
    await Promise.all(
      readers.map((reader) => reader.until(() => reader.history.hasReached([end]))),
    );
    const backMs = performance.now() - startedMs;
    const stormBytes = residentBytes();
    for (const reader of readers) {
      expect(reader.history.received).toBe(end);
      reader.cut();
    }
    const mib = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;
    process.stderr.write(
      `${SUBSCRIBERS} subscribers, ${STALLED} of them not reading: resident ${mib(idleBytes)} ` +
        `idle, ${mib(deliveredBytes)} after delivery, ${mib(stormBytes)} after all came back; ` +
        `all had caught up ${Math.round(backMs)} ms after they began to connect\n`,
    );
    expect(Math.max(idleBytes, deliveredBytes, stormBytes)).toBeLessThan(MEMORY_BYTES_MAX);
  }, 600_000);
});

let produced = 0;

/** Sends this number of produce requests one after the other; resolves with the log's end. */
async function produce(rounds: number): Promise<number> {
  for (let round = 0; round < rounds; round += 1) {
    const records = Array.from({ length: RECORDS_PER_ROUND }, () => ({ value: 'x'.repeat(100) }));
    await post(`/v1/topics/${TOPIC}/records`, { records });
    produced += RECORDS_PER_ROUND;
  }
  return produced;
}

function residentBytes(): number {
  const status = readFileSync(`/proc/${gateway.pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) * 1024;
}

async function post(path: string, body: unknown): Promise<void> {
  const response = await fetch(gateway.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  expect(response.ok, text).toBe(true);
}
