import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RenderedBatch } from '#record-json';
import { RecordRun } from './record-run.js';

const SOURCE = { topic: 'events', partition: 1, highWatermark: 100, leaderEpoch: 2 };

/** Renders records as `{"offset":n}` with padding, each preceded by a comma. */
function rendered(offsets: readonly number[], filling = ''): RenderedBatch {
  const texts = offsets.map((offset) => `,{"offset":${offset}${filling}}`);
  const ends: number[] = [];
  for (const text of texts) ends.push((ends.at(-1) ?? 0) + text.length);
  return { bytes: Buffer.from(texts.join('')), offsets, ends };
}

function offsetsIn(run: RecordRun): number[] {
  const shown = JSON.parse(`[${run.json().toString()}]`) as { offset: number }[];
  expect(run.count).toBe(shown.length);
  expect(run.sizeBytes).toBe(run.json().length);
  for (const [index, { offset }] of shown.entries()) {
    expect(run.offsetAt(index)).toBe(offset);
    expect(JSON.parse(run.jsonAt(index).toString())).toMatchObject({ offset });
  }
  return shown.map(({ offset }) => offset);
}

describe('a run of records', () => {
  test('begins at the position of its reader, within a batch too', () => {
    const run = RecordRun.of(SOURCE, 5, 9, rendered([3, 4, 6, 8]));
    expect(offsetsIn(run)).toEqual([6, 8]);
    expect(run).toMatchObject({ from: 5, nextOffset: 9 });
  });

  test('without records moves a position on', () => {
    const run = RecordRun.of(SOURCE, 5, 9, rendered([3, 4]));
    expect(offsetsIn(run)).toEqual([]);
    expect(run).toMatchObject({ from: 5, nextOffset: 9, count: 0 });
    expect(run.firstPart(0)).toBe(run);
  });

  test('has a first part that ends after its last record', () => {
    const run = RecordRun.of(SOURCE, 3, 12, rendered([3, 4, 6, 8]));
    expect(run.firstPart(4)).toBe(run);
    const part = run.firstPart(3);
    expect(offsetsIn(part)).toEqual([3, 4, 6]);
    expect(part).toMatchObject({ from: 3, nextOffset: 7 });
    expect(run.firstPart(0)).toMatchObject({ from: 3, nextOffset: 3, count: 0 });
  });

  test('is split without gap into parts of at most so many bytes, or of one record', () => {
    const sizes = fc.array(fc.nat({ max: 40 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(sizes, fc.nat({ max: 25 }), fc.integer({ min: 1, max: 120 }), (gaps, at, max) => {
        let offset = 0;
        const offsets = gaps.map((gap) => (offset += 1 + (gap % 3)));
        const whole = RecordRun.of(SOURCE, at, offset + 3, rendered(offsets, ',"x":"yyyyyy"'));
        const parts = whole.split(max);
        expect(parts.flatMap(offsetsIn)).toEqual(offsets.filter((one) => one >= at));
        expect(parts[0]?.from).toBe(at);
        expect(parts.at(-1)?.nextOffset).toBe(offset + 3);
        for (const [index, part] of parts.entries()) {
          if (index > 0) expect(part.from).toBe(parts[index - 1]?.nextOffset);
          expect(part.sizeBytes <= max || part.count === 1).toBe(true);
        }
      }),
    );
  });

  test('is encoded once for each form, up to a number of forms', () => {
    const run = RecordRun.of(SOURCE, 3, 4, rendered([3]));
    let made = 0;
    const encode = (form: string): Buffer =>
      run.encoded(form, () => {
        const text = `${form}${made}`;
        made += 1;
        return Buffer.from(text);
      });
    for (const form of ['a', 'b', 'a', 'a', 'b']) encode(form);
    expect(made).toBe(2);
    expect(encode('a').toString()).toBe('a0');
    for (let form = 0; form < 50; form += 1) encode(`f${form}`);
    expect(encode('a').toString()).toBe('a0');
    expect(encode('f49').toString()).not.toBe('f4951');
  });
});
