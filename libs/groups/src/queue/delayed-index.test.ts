import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RecordBatch } from '#log';
import { DELIVER_AT_HEADER, type Offset } from '#protocol';
import { DelayedIndex } from './delayed-index.js';
import { recordOffer } from './record-scan.js';
import { compareDue, type DueCursor } from './share-change.js';
import { MemoryLog, type TestRecord } from './testing/memory-log.js';

const BEGIN: DueCursor = { atMs: -1, offset: -1 };
const ALL = { pendingFrom: 0, untilMs: 1e15, recordsMax: 1e9 };

const PLAIN: TestRecord = {};

describe('the index of delayed records', () => {
  it('lists what is due in the order of its time, a part at a time', async () => {
    const log = new MemoryLog();
    log.append(300, PLAIN, 100);
    log.append(PLAIN);
    log.append(200, 100);
    const index = new DelayedIndex(log, 100);
    const question = { from: BEGIN, pendingFrom: 0, untilMs: 250, recordsMax: 2 };
    const first = await index.list(question);
    expect(first.records).toEqual([
      { atMs: 100, offset: 2 },
      { atMs: 100, offset: 5 },
    ]);
    expect(first).toMatchObject({ to: { atMs: 100, offset: 5 }, indexedTo: 6, nextAtMs: 200 });
    const second = await index.list({ ...question, from: first.to });
    expect(second.records).toEqual([{ atMs: 200, offset: 4 }]);
    expect(second.to.atMs).toBe(250);
    expect(second.nextAtMs).toBe(300);
  });

  it('finds records that came since the last question', async () => {
    const log = new MemoryLog();
    log.append(100);
    const index = new DelayedIndex(log, 100);
    await index.list({ from: BEGIN, ...ALL });
    log.append(50, 150);
    const { records, indexedTo } = await index.list({ from: BEGIN, ...ALL });
    expect(records.map(({ atMs }) => atMs)).toEqual([50, 100, 150]);
    expect(indexedTo).toBe(3);
    expect(index.rebuildsTotal).toBe(1);
  });

  it('keeps the earliest records only, and reads the log again at the horizon', async () => {
    const log = new MemoryLog();
    for (let at = 0; at < 50; at += 1) log.append(1000 - at, PLAIN, 500 + at);
    const index = new DelayedIndex(log, 10);
    const found: DueCursor[] = [];
    let from = BEGIN;
    for (let round = 0; found.length < 100 && round < 100; round += 1) {
      const { records, to } = await index.list({ from, ...ALL, recordsMax: 7 });
      expect(index.count).toBeLessThanOrEqual(10);
      found.push(...records);
      from = to;
    }
    expect(found).toEqual(found.toSorted(compareDue));
    expect(new Set(found.map(({ offset }) => offset)).size).toBe(100);
    expect(index.rebuildsTotal).toBeLessThanOrEqual(11);
  });

  it('drops what all groups have passed, and serves one that comes back', async () => {
    const log = new MemoryLog();
    for (let at = 0; at < 20; at += 1) log.append(at);
    const index = new DelayedIndex(log, 100);
    const late = { atMs: 15, offset: 15 };
    for (let at = 0; at < 128; at += 1) await index.list({ from: late, ...ALL });
    expect(index.count).toBe(4);
    expect((await index.list({ from: BEGIN, ...ALL })).records).toHaveLength(20);
  });

  it('gives the same as a sorted list, whatever comes in between', async () => {
    const times = fc.array(fc.nat(50), { minLength: 1, maxLength: 5 });
    const step = fc.oneof(times, fc.nat(60));
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.nat(8), async (steps, bound) => {
        const log = new MemoryLog();
        const index = new DelayedIndex(log, bound + 1);
        const all: DueCursor[] = [];
        let from = BEGIN;
        for (const one of steps) {
          if (typeof one !== 'number') {
            for (const [at, atMs] of one.entries()) {
              all.push({ atMs, offset: log.highWatermark + at });
            }
            log.append(...one);
            continue;
          }
          const { records, to } = await index.list({ ...ALL, from, untilMs: one, recordsMax: 3 });
          const expected = all
            .filter((entry) => compareDue(entry, from) > 0 && compareDue(entry, to) <= 0)
            .toSorted(compareDue);
          expect(records).toEqual(expected);
          if (compareDue(to, from) > 0) from = to;
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('an offer of records', () => {
  const part = (batches: readonly RecordBatch[], from: Offset, to: Offset) => {
    return { from, to, logStartOffset: 0, batches };
  };

  it('has the offsets of dense batches, within what was read', () => {
    const batch = new MemoryLog().append(PLAIN, PLAIN, PLAIN, PLAIN);
    expect(recordOffer(part([batch], 1, 3), 'g', false)).toMatchObject({ ranges: [1, 2] });
  });

  it('has the times of delayed records and the keys of a key-ordered group', () => {
    const keyed = { key: 'a' };
    const batch = new MemoryLog().append(keyed, PLAIN, 700, keyed);
    const { ranges, keys = [], delayed } = recordOffer(part([batch], 0, 4), 'g', true);
    expect(ranges).toEqual([0, 3]);
    expect(delayed).toEqual([2, 700]);
    expect(keys).toEqual([keys[0], null, null, keys[0]]);
    expect(keys[0]).not.toBeNull();
  });

  it('leaves out what was put back for another group', () => {
    const redriven: TestRecord = { header: ['sluice.redrive.group', 'other'] };
    const batch = new MemoryLog().append(PLAIN, redriven, PLAIN);
    expect(recordOffer(part([batch], 0, 3), 'g', false).ranges).toEqual([0, 0, 2, 2]);
    expect(recordOffer(part([batch], 0, 3), 'other', false).ranges).toEqual([0, 2]);
  });

  it('takes no header that is no time for a delay', () => {
    const odd: TestRecord = { header: [DELIVER_AT_HEADER, 'tomorrow'] };
    const batch = new MemoryLog().append(odd);
    expect(recordOffer(part([batch], 0, 1), 'g', false).delayed).toEqual([]);
  });
});
