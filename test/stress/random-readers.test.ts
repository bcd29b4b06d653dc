/**
 * Runs subscribers of both kinds with random starts, speeds, pauses, credits, disconnects and
 * resumes, while the partitions get records, roll segments and delete old records: each subscriber
 * gets exactly the log from its start on. SLUICE_STRESS_SEED repeats a run; SLUICE_STRESS_RECORDS
 * makes it longer.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SeededRandom } from '#runtime/testing';
import { GatewayProcess } from '../support/gateway.js';
import { metricOf } from '../support/metric-of.js';
import { CheckedEvents, CheckedSocket, type History } from './checked-reader.js';

const SEED = Number(process.env['SLUICE_STRESS_SEED'] ?? Date.now() % 1_000_000);
const RECORDS = Number(process.env['SLUICE_STRESS_RECORDS'] ?? 600);
const PARTITIONS = [0, 1, 2];
const SOCKETS = 24;
const STREAMS = 8;
const TOPIC = 'stress';

let gateway: GatewayProcess;

beforeAll(async () => {
  gateway = await GatewayProcess.start({
    // Small caches and frames make all subscribers fall behind and catch up.
    SLUICE_TAIL_CACHE_BYTES: '20000',
    SLUICE_RENDER_CACHE_BYTES: '50000',
    SLUICE_SOCKET_BUFFER_BYTES: '20000',
    SLUICE_FRAME_BYTES_MAX: '4000',
    SLUICE_CATCH_UP_BYTES: '100000',
  });
  await post('/v1/topics', {
    name: TOPIC,
    partitions: PARTITIONS.length,
    configs: { 'segment.bytes': 20_000 },
  });
});

afterAll(() => gateway.dispose());

describe('subscribers that connect, disconnect and read slowly', () => {
  test(`each gets the log from its start on, seed ${SEED}`, async () => {
    const ends: number[] = [];
    let isOver = false;
    const isDone = (): boolean => isOver;
    const deleting = deleteNowAndThen(isDone);
    const lives = [
      ...Array.from({ length: SOCKETS }, (_, index) => socketLife(index, isDone, ends)),
      ...Array.from({ length: STREAMS }, (_, index) => streamLife(index, isDone, ends)),
    ];
    const produced = await Promise.all(PARTITIONS.map(produceTo));
    isOver = true;
    await deleting;
    // One more record per partition wakes subscribers that wait, so that they see the end.
    for (const partition of PARTITIONS) {
      ends[partition] = (produced[partition] ?? 0) + 1;
      await append(partition, [{ n: produced[partition] }]);
    }
    const received = await Promise.all(lives);
    expect(Math.max(...received)).toBeGreaterThan(RECORDS);
    await untilNothingIsLeft();
  }, 600_000);
});

/** Writes until the partition has its records; resolves with its end. */
async function produceTo(partition: number): Promise<number> {
  const random = new SeededRandom(SEED + partition);
  let end = 0;
  while (end < RECORDS) {
    const count = 1 + random.below(random.below(4) === 0 ? 60 : 4);
    const pad = 'x'.repeat(random.below(200));
    await append(
      partition,
      Array.from({ length: count }, (_, index) => ({ n: end + index, pad })),
    );
    end += count;
  }
  return end;
}

async function append(partition: number, values: readonly unknown[]): Promise<void> {
  const records = values.map((value) => ({ value, partition }));
  await post(`/v1/topics/${TOPIC}/records`, { records });
}

async function deleteNowAndThen(isOver: () => boolean): Promise<void> {
  const random = new SeededRandom(SEED + 100);
  while (!isOver()) {
    const partition = random.below(PARTITIONS.length);
    const path = `/v1/topics/${TOPIC}/partitions/${partition}`;
    const { offset } = (await get(`${path}/offsets?at=latest`)) as { offset: number };
    // A deletion of all records from time to time resets subscribers that are behind.
    const beforeOffset = random.below(4) === 0 ? offset : Math.floor(offset / 2);
    await fetch(`${gateway.url}${path}/records?beforeOffset=${beforeOffset}`, { method: 'DELETE' });
    for (let wait = 0; wait < 20 && !isOver(); wait += 1) await get('/health/live');
  }
}

/** @returns number of received records */
async function socketLife(
  index: number,
  isDone: () => boolean,
  ends: readonly number[],
): Promise<number> {
  const reader = new CheckedSocket(gateway.url, TOPIC);
  const random = new SeededRandom(SEED + 1000 + index);
  const credit = random.below(3) === 0 ? 1 + random.below(40) : undefined;
  const options = {
    autoOffsetReset: 'earliest' as const,
    ...(credit === undefined ? {} : { credit }),
  };
  await reader.open({ ...options, from: random.below(2) === 0 ? 'earliest' : 'latest' });
  while (!isDone()) {
    const wanted = reader.history.received + 1 + random.below(150);
    if (credit !== undefined) reader.grant(200);
    await reader.until(() => reader.history.received >= wanted || isDone());
    const act = random.below(4);
    if (act === 0) {
      reader.pause();
      for (let wait = 0; wait < random.below(40); wait += 1) await get('/health/live');
      reader.resume();
    } else if (act === 1) {
      reader.cut();
      await reader.reopen(options);
    }
  }
  reader.grant(1_000_000);
  await reader.until(() => hasAll(reader.history, ends));
  reader.cut();
  return reader.history.received;
}

async function streamLife(
  index: number,
  isDone: () => boolean,
  ends: readonly number[],
): Promise<number> {
  const reader = new CheckedEvents(gateway.url, TOPIC);
  const random = new SeededRandom(SEED + 2000 + index);
  const from = random.below(2) === 0 ? 'earliest' : 'latest';
  await reader.open(from);
  while (!isDone()) {
    const wanted = reader.history.received + 1 + random.below(150);
    await reader.until(() => reader.history.received >= wanted || isDone());
    const act = random.below(4);
    if (act === 0) {
      reader.pause();
      for (let wait = 0; wait < random.below(40); wait += 1) await get('/health/live');
      reader.resume();
    } else if (act === 1) {
      reader.cut();
      await reader.reopen(from);
    }
  }
  await reader.until(() => hasAll(reader.history, ends));
  reader.cut();
  return reader.history.received;
}

/** True when all ends are reached; they become known one after the other. */
function hasAll(history: History, ends: readonly number[]): boolean {
  return ends.length === PARTITIONS.length && history.hasReached(ends);
}

async function untilNothingIsLeft(): Promise<void> {
  for (;;) {
    if ((await metricOf(gateway.url, 'sluice_delivery_cursors')) === 0) return;
    await get('/health/live');
  }
}

async function get(path: string): Promise<unknown> {
  return (await fetch(gateway.url + path)).json();
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
