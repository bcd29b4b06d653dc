import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RecordRun } from '../record-run.js';
import { UnacknowledgedRecords } from './unacknowledged-records.js';

/** A run of records at these offsets; the reader continues at `nextOffset`. */
function run(offsets: readonly number[], nextOffset: number): RecordRun {
  const [from = 0] = offsets;
  const source = { topic: 't', partition: 0, highWatermark: 0, leaderEpoch: 0 };
  const ends = offsets.map((_, index) => 2 * index + 1);
  const rendered = { bytes: Buffer.alloc(2 * offsets.length), ends, offsets };
  return RecordRun.of(source, from, nextOffset, rendered);
}

function acknowledged(records: UnacknowledgedRecords<string>, count: number): string[] {
  const seen: string[] = [];
  records.acknowledge(count, (source, nextOffset) => seen.push(`${source}:${nextOffset}`));
  return seen;
}

describe('unacknowledged records', () => {
  it('are acknowledged in the order of their delivery, over partitions', () => {
    const records = new UnacknowledgedRecords<string>();
    records.add('a', run([0, 1, 2], 3));
    records.add('b', run([7], 8));
    records.add('a', run([3, 4], 5));
    expect(records.count).toBe(6);
    expect(acknowledged(records, 2)).toEqual(['a:2']);
    expect(acknowledged(records, 3)).toEqual(['a:3', 'b:8', 'a:4']);
    expect(records.count).toBe(1);
  });

  it('beyond the delivered ones are none', () => {
    const records = new UnacknowledgedRecords<string>();
    records.add('a', run([0], 1));
    expect(records.acknowledge(10, () => undefined)).toBe(1);
    expect(records.acknowledge(10, () => undefined)).toBe(0);
  });

  it('of a run with gaps have their own offsets, the last one the end of the run', () => {
    const records = new UnacknowledgedRecords<string>();
    records.add('a', run([2, 5, 9], 12));
    expect(acknowledged(records, 1)).toEqual(['a:3']);
    expect(acknowledged(records, 1)).toEqual(['a:6']);
    expect(acknowledged(records, 1)).toEqual(['a:12']);
  });

  it('are counted as in a plain list of records', () => {
    const steps = fc.array(fc.record({ gap: fc.nat(3), count: fc.nat(5), grant: fc.nat(8) }));
    fc.assert(
      fc.property(steps, (list) => {
        const records = new UnacknowledgedRecords<string>();
        const plain: number[] = [];
        let next = 0;
        for (const { gap, count, grant } of list) {
          const offsets = Array.from({ length: count }, (_, index) => next + index * (gap + 1));
          if (count > 0) {
            next = (offsets.at(-1) ?? 0) + 1;
            records.add('a', run(offsets, next));
            plain.push(...offsets);
          }
          const taken = plain.splice(0, grant);
          const seen = acknowledged(records, grant);
          expect(seen.at(-1)).toBe(taken.length === 0 ? undefined : `a:${(taken.at(-1) ?? 0) + 1}`);
          expect(records.count).toBe(plain.length);
        }
      }),
    );
  });
});
