import { describe, expect, it } from 'vitest';
import { encodeRecordBatches } from '#log';
import { RECORD_STRIDE } from '#protocol';
import type { Partition } from './partition.js';
import { ledPartition } from './testing/led-partition.js';

const METADATA = {
  replicas: [0],
  leader: 0,
  leaderEpoch: 4,
  electionId: 'first',
  isr: [0],
  partitionEpoch: 0,
  isNew: false,
};

describe('Partition', () => {
  it('begins to lead with its synced end as the high watermark', async () => {
    const { partition } = await opened();
    await partition.append(oneBatch());
    expect(partition.highWatermark).toBe(2);
    expect(partition.leaderEpoch).toBe(4);
    expect(partition.log.leadership.latestEpoch).toBe(4);
  });

  it('reports every rise of the high watermark, before the append is answered', async () => {
    const { partition, rises } = await opened();
    let risesAtAnswer = 0;
    await partition.append(oneBatch()).then(() => (risesAtAnswer = rises.length));
    expect(rises).toEqual([2]);
    expect(risesAtAnswer).toBe(1);
  });

  it('tells those who wait when the high watermark has reached their offset', async () => {
    const { partition } = await opened();
    const reached: number[] = [];
    const waits = [1, 2, 4].map((offset) =>
      partition.whenCommitted(offset).then(() => reached.push(offset)),
    );
    await partition.append(oneBatch());
    await Promise.all(waits.slice(0, 2));
    expect(reached).toEqual([1, 2]);
    await partition.append(oneBatch());
    await Promise.all(waits);
    await partition.whenCommitted(4);
  });

  it('ends all waits when it is closed, and takes no appends then', async () => {
    const { partition } = await opened();
    const wait = partition.whenCommitted(1);
    partition.close();
    for (const ended of [wait, partition.whenCommitted(1), partition.append(oneBatch())]) {
      await expect(ended).rejects.toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' });
    }
  });

  it('never goes back to an earlier leader epoch', async () => {
    const { partition } = await opened();
    await expect(partition.becomeLeader({ ...METADATA, leaderEpoch: 3 })).rejects.toThrow(
      'went back',
    );
  });
});

async function opened(): Promise<{ readonly partition: Partition; readonly rises: number[] }> {
  const rises: number[] = [];
  const { partition } = await ledPartition({
    metadata: METADATA,
    onHighWatermark: (one) => rises.push(one.highWatermark),
  });
  // Leading is told like a rise: the test begins after it.
  rises.length = 0;
  return { partition, rises };
}

/** A batch of two records without key and value. */
function oneBatch(): Buffer[] {
  const record = [-1, -1, -1, -1, -1, -1, 0, 0, -1, -1];
  expect(record).toHaveLength(RECORD_STRIDE);
  const none = new Uint8Array(0);
  const records = { source: none, decoded: none, count: 2, fields: [...record, ...record] };
  return encodeRecordBatches([{ records, indexes: undefined }], {
    nowMs: 1,
    timestampType: 'CreateTime',
    batchSizeBytes: 1000,
    maxBatchBytes: 1000,
  }).batches;
}
