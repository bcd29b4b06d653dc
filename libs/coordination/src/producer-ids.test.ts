import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NodeFileSystem } from '#runtime';
import { ProducerIds } from './producer-ids.js';

const DAY_MS = 86_400_000;
/** A year and a day after the start of the block numbering. */
const NOW_MS = Date.UTC(2026, 0, 2);

describe('ProducerIds', () => {
  let dataDir: string;
  let clock: { wallMs: number; monotonicMs(): number; nowMs(): number; steadyMs: number };

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'sluice-producer-ids-'));
    clock = {
      wallMs: NOW_MS,
      steadyMs: 0,
      nowMs: () => clock.wallMs,
      monotonicMs: () => clock.steadyMs,
    };
  });

  afterEach(() => rm(dataDir, { recursive: true }));

  function open(brokerId = 0): Promise<ProducerIds> {
    return ProducerIds.open({ fileSystem: new NodeFileSystem(), clock, dataDir, brokerId });
  }

  it('builds ids from the second, the broker and a counter, below 2^53', async () => {
    const ids = await open(1024 + 5);
    const block = (366 * DAY_MS) / 1000;
    expect(await ids.next()).toBe(block * 2 ** 21 + 5 * 2 ** 11);
    expect(await ids.next()).toBe(block * 2 ** 21 + 5 * 2 ** 11 + 1);
    expect(Number.isSafeInteger(await ids.next())).toBe(true);
  });

  it('issues no id twice to overlapping callers', async () => {
    const ids = await open();
    const issued = await Promise.all(Array.from({ length: 2048 }, () => ids.next()));
    expect(new Set(issued).size).toBe(2048);
  });

  it('throttles after 2,048 ids, and continues with a higher block one second later', async () => {
    const ids = await open();
    let last = 0;
    for (let count = 0; count < 2048; count += 1) last = await ids.next();
    clock.steadyMs = 400;
    await expect(ids.next()).rejects.toMatchObject({
      code: 'THROTTLING_QUOTA_EXCEEDED',
      retryAfterMs: 600,
    });
    clock.steadyMs = 1000;
    expect(await ids.next()).toBeGreaterThan(last);
  });

  it('continues above all earlier ids after a restart with a clock set back', async () => {
    const before = await (await open()).next();
    clock.wallMs -= 300 * DAY_MS;
    expect(await (await open()).next()).toBeGreaterThan(before);
  });

  it('continues above all earlier ids after the disk was lost', async () => {
    const first = await open();
    const before = await first.next();
    await rm(join(dataDir, 'producer-id-block.json'));
    clock.wallMs += 1000;
    expect(await (await open()).next()).toBeGreaterThan(before);
  });

  it('issues different ids on different brokers', async () => {
    const of0 = await (await open(0)).next();
    await rm(join(dataDir, 'producer-id-block.json'));
    const of1 = await (await open(1)).next();
    expect(of1 - of0).toBe(2048);
  });

  it('issues nothing from a block that could not be written', async () => {
    const ids = await open();
    await rm(dataDir, { recursive: true });
    await expect(ids.next()).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
    await new NodeFileSystem().makeDirectory(dataDir);
    const block = (366 * DAY_MS) / 1000;
    expect(await ids.next()).toBe((block + 1) * 2 ** 21);
  });

  it('recognises ids that it cannot have issued', async () => {
    const ids = await open(5);
    const issued = await ids.next();
    expect(ids.mayHaveIssued(issued)).toBe(true);
    // An id of another broker.
    expect(ids.mayHaveIssued(issued + 2048)).toBe(false);
    expect(ids.isOwn(issued + 2048)).toBe(false);
    // A block of the future.
    expect(ids.mayHaveIssued(issued + 2 ** 21)).toBe(false);
    expect(ids.isOwn(issued + 2 ** 21)).toBe(true);
    // An earlier block, which another process may have used.
    expect(ids.mayHaveIssued(issued - 2 ** 21)).toBe(true);
  });

  it('counts ids of earlier processes as issued, also on a new disk', async () => {
    const first = await open();
    const issued = await first.next();
    clock.wallMs -= DAY_MS;
    expect((await open()).mayHaveIssued(issued)).toBe(true);
    await rm(join(dataDir, 'producer-id-block.json'));
    clock.wallMs += DAY_MS;
    expect((await open()).mayHaveIssued(issued)).toBe(true);
  });

  it('counts every id that it issues as issued', async () => {
    const ids = await open(3);
    clock.wallMs -= DAY_MS;
    for (let count = 0; count < 4100; count += 1) {
      if (count % 2048 === 0) clock.steadyMs += 1000;
      expect(ids.mayHaveIssued(await ids.next())).toBe(true);
    }
  });
});
