import type { FileHandle } from '#runtime';
import { type BatchUnpacker, COMPRESSION_MASK } from '../compression/compression.js';
import { scanBatches } from '../record-batch/batch-scan.js';
import { latestDeliverAt, plainDeliverAt } from '../record-batch/delivery-time.js';
import type { RecordBatch } from '../record-batch/record-batch.js';

/**
 * Finds the latest time of delivery among the batches of a segment's file, in ms since 1970; -1
 * when no record is delayed. It ends at the first bytes that are not a batch.
 */
export async function latestDeliveryIn(
  file: FileHandle,
  sizeBytes: number,
  unpacker: BatchUnpacker,
): Promise<number> {
  let latestMs = -1;
  let position = 0;
  for (;;) {
    const packed: RecordBatch[] = [];
    const visit = (batch: RecordBatch): 'next' => {
      if ((batch.attributes & COMPRESSION_MASK) !== 0) packed.push(batch);
      else latestMs = Math.max(latestMs, plainDeliverAt(batch));
      return 'next';
    };
    const mayReadOn = (): boolean => packed.length === 0;
    const span = { from: position, to: sizeBytes };
    const end = await scanBatches(file, { ...span, mayReadOn, unpacker }, visit);
    for (const batch of packed) latestMs = Math.max(latestMs, await latestDeliverAt(batch));
    if (end.reason !== 'stopped') return latestMs;
    ({ position } = end);
  }
}
