import { describe, expect, it } from 'vitest';
import { FakeDisk } from '#runtime/testing';
import { BatchUnpacker } from '../compression/compression.js';
import { RECORD_BATCH_HEADER_BYTES } from '../record-batch/record-batch.js';
import { gzipBatch, testBatch, unreadableBatch, withChecksum } from '../testing/test-batches.js';
import { latestDeliveryIn } from './segment-delays.js';

const PLAIN = { key: null, value: 'v', timestamp: 1 };

function delayed(...times: readonly string[]): Buffer {
  return testBatch(
    times.map((time) => ({ ...PLAIN, headers: [['sluice.deliver.at', time]] as const })),
  );
}

async function latestOf(...batches: readonly Buffer[]): Promise<number> {
  const file = await new FakeDisk().open('/segment.log', 'create');
  const bytes = Buffer.concat(batches);
  await file.writev([bytes], 0);
  return latestDeliveryIn(file, bytes.length, new BatchUnpacker());
}

describe('the latest time of delivery in a segment', () => {
  it('is that of all batches, compressed ones too', async () => {
    expect(await latestOf(delayed('5', '9'), testBatch([PLAIN]), delayed('7'))).toBe(9);
    expect(await latestOf(delayed('5'), gzipBatch(delayed('8', '6')), delayed('7'))).toBe(8);
    expect(await latestOf(gzipBatch(delayed('4')), gzipBatch(delayed('8')))).toBe(8);
  });

  it('is -1 without a delayed record', async () => {
    expect(await latestOf(testBatch([PLAIN]), gzipBatch(testBatch([PLAIN])))).toBe(-1);
    expect(await latestOf(delayed('tomorrow', '99999999999999999'))).toBe(-1);
    expect(await latestOf()).toBe(-1);
  });

  it('leaves out batches whose records cannot be read', async () => {
    expect(await latestOf(delayed('5'), unreadableBatch(delayed('9')), delayed('7'))).toBe(7);
    const cutOff = delayed('9');
    // The first byte of the record, its length, says more than there is.
    cutOff.writeUInt8(0x7e, RECORD_BATCH_HEADER_BYTES);
    expect(await latestOf(delayed('5'), withChecksum(cutOff), delayed('7'))).toBe(7);
  });

  it('is that before the first damage', async () => {
    expect(await latestOf(delayed('5'), Buffer.alloc(40), delayed('7'))).toBe(5);
  });
});
