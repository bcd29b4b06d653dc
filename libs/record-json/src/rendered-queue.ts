import { type QueuedRecords, renderQueueRecords } from './queue-records.js';
import type { RecordFormat } from './record-frame.js';

/** The records of an answer to a queue member, as JSON. */
export interface RenderedQueue {
  /** Records separated by commas. */
  readonly chunks: readonly Buffer[];
  readonly count: number;
  readonly sizeBytes: number;
}

/** Renders records with the number of their deliveries. */
export async function renderQueue(
  reads: readonly QueuedRecords[],
  format: RecordFormat,
): Promise<RenderedQueue> {
  const chunks: Buffer[] = [];
  let count = 0;
  let sizeBytes = 0;
  for (const read of reads) {
    const { bytes, offsets } = await renderQueueRecords(read, format);
    if (offsets.length === 0) continue;
    // Each record begins with a comma; the first one of the list goes without it.
    const chunk = bytes.subarray(count === 0 ? 1 : 0);
    chunks.push(chunk);
    count += offsets.length;
    sizeBytes += chunk.length;
  }
  return { chunks, count, sizeBytes };
}
