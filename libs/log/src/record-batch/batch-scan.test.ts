import { describe, expect, it } from 'vitest';
import { FakeDisk } from '#runtime/testing';
import { filler, valuesBatch } from '../testing/log-fixture.js';
import { findNextBatch, scanBatches } from './batch-scan.js';
import { stampBatch } from './record-batch.js';

/** A file of these bytes. */
async function fileOf(...parts: Buffer[]) {
  const disk = new FakeDisk();
  const file = await disk.open('/file', 'create');
  await file.writev(parts, 0);
  return file;
}

function batchAt(offset: number, value: string): Buffer {
  const bytes = valuesBatch([value]);
  stampBatch(bytes, offset, 0);
  return bytes;
}

describe('a scan', () => {
  const batches = [filler(10), filler(500), filler(3000), ''].map((value, i) => batchAt(i, value));
  const sizeBytes = batches.reduce((sum, { length }) => sum + length, 0);

  it.each([1, 61, 62, 100, 600, 5000])(
    'visits every batch, read %i bytes at a time',
    async (chunkBytes) => {
      const file = await fileOf(...batches);
      const seen: [number, number][] = [];
      const end = await scanBatches(
        file,
        { from: 0, to: sizeBytes, chunkBytes },
        (batch, position) => {
          seen.push([batch.baseOffset, position]);
          return 'next';
        },
      );
      expect(end).toEqual({ reason: 'end', position: sizeBytes });
      expect(seen.map(([offset]) => offset)).toEqual([0, 1, 2, 3]);
      expect(seen[2]?.[1]).toBe((batches[0]?.length ?? 0) + (batches[1]?.length ?? 0));
    },
  );

  it.each([1, 17, 60, 61, 70])('ends at a batch of which %i bytes are there', async (left) => {
    const whole = batches[0] ?? Buffer.alloc(0);
    const file = await fileOf(whole, batchAt(1, filler(100)).subarray(0, left));
    for (const to of [whole.length + left, whole.length + 5000]) {
      const end = await scanBatches(file, { from: 0, to, chunkBytes: 4096 }, () => 'next');
      expect(end).toEqual({ reason: 'bad', position: whole.length });
    }
  });

  it('ends where the visitor says', async () => {
    const file = await fileOf(...batches);
    const position = batches[0]?.length ?? 0;
    const span = { from: 0, to: sizeBytes, chunkBytes: 4096 };
    for (const verdict of ['stop', 'bad'] as const) {
      const end = await scanBatches(file, span, ({ baseOffset }) => {
        return baseOffset === 1 ? verdict : 'next';
      });
      expect(end).toEqual({ reason: verdict === 'stop' ? 'stopped' : 'bad', position });
    }
  });
});

describe('the search for the next batch', () => {
  it('finds it after any bytes, across the pieces that are read', async () => {
    // Bytes of 2 look like the magic of a batch at every place.
    for (const noise of [1, 100, 1024 * 1024 - 30, 1024 * 1024 + 5]) {
      const wanted = batchAt(7, 'wanted');
      const file = await fileOf(Buffer.alloc(noise, 2), wanted);
      const to = noise + wanted.length;
      const found = await findNextBatch(file, { from: 0, to }, { from: 0, to: 100 });
      expect(found?.position).toBe(noise);
      expect(found?.batch.baseOffset).toBe(7);
    }
  });

  it('skips batches with a wrong CRC or offsets out of range', async () => {
    const damaged = batchAt(5, 'damaged');
    damaged[65] = (damaged[65] ?? 0) ^ 1;
    const wanted = batchAt(6, 'wanted');
    const file = await fileOf(batchAt(2, 'before'), damaged, wanted);
    const to = 1000;
    const found = await findNextBatch(file, { from: 0, to }, { from: 5, to: 100 });
    expect(found?.batch.baseOffset).toBe(6);
    expect(await findNextBatch(file, { from: 0, to }, { from: 5, to: 6 })).toBeUndefined();
  });
});
