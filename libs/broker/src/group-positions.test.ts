import { describe, expect, it } from 'vitest';
import { encodeRecordBatches } from '#log';
import type { Partition } from '#replication';
import { ledPartition } from '#replication/testing';
import { positionsOf } from './group-positions.js';
import { byPartition, type StatusTarget, statusesOfLedPartitions } from './leader-status.js';
import { produceOf } from './testing/records.js';

const EVENTS = { topic: 'events', topicId: 'topic-id', partition: 0 };

describe('the position of a group with latest', () => {
  it.each([
    ['the high watermark in the leader epoch of its subscription', 2, 5],
    ['the start of the first epoch with records since', 0, 2],
    ['the start of the newest epoch where it is the next one', 1, 3],
    ['the high watermark where the epoch is not known', undefined, 5],
  ])('is %s', async (_, sinceEpoch, offset) => {
    const { partition } = await ledPartition();
    await produce(partition, 2);
    await elect(partition, 1);
    await produce(partition, 1);
    await elect(partition, 2);
    await produce(partition, 2);
    const pending = { ...EVENTS, reset: 'latest', sinceEpoch } as const;
    expect(await find(partition, [pending])).toEqual([{ ...EVENTS, offset }]);
  });

  it('is not below the start of the log', async () => {
    const { partition } = await ledPartition();
    await produce(partition, 2);
    await elect(partition, 1);
    await produce(partition, 2);
    await partition.log.trimmer.deleteRecordsBefore(3);
    const pending = { ...EVENTS, reset: 'latest', sinceEpoch: 0 } as const;
    expect(await find(partition, [pending])).toEqual([{ ...EVENTS, offset: 3 }]);
  });

  it('is not known before a new leader knows which records are committed', async () => {
    const { partition } = await ledPartition({ metadata: { replicas: [0, 1], isr: [0, 1] } });
    await partition.append([batch()]);
    await elect(partition, 1);
    const pending = { ...EVENTS, reset: 'latest', sinceEpoch: 0 } as const;
    expect(await find(partition, [pending])).toEqual([]);
  });
});

function find(partition: Partition, pending: Parameters<typeof positionsOf>[0]) {
  const table = { partition: () => partition };
  const statusesOf = (targets: readonly StatusTarget[]) =>
    Promise.resolve(byPartition(statusesOfLedPartitions({ table }, targets)));
  return positionsOf(pending, statusesOf);
}

function elect(partition: Partition, leaderEpoch: number): Promise<void> {
  const electionId = `election ${leaderEpoch}`;
  return partition.becomeLeader({ ...partition.metadata, leaderEpoch, electionId });
}

async function produce(partition: Partition, count: number): Promise<void> {
  for (let appended = 0; appended < count; appended += 1) await partition.append([batch()]);
}

function batch(): Buffer {
  const { records } = produceOf('events', ['x']);
  const { batches } = encodeRecordBatches([{ records, indexes: undefined }], {
    nowMs: 0,
    timestampType: 'CreateTime',
    batchSizeBytes: 2 ** 20,
    maxBatchBytes: 2 ** 20,
  });
  const [encoded] = batches;
  if (encoded === undefined) throw new Error('a record makes a batch');
  return encoded;
}
