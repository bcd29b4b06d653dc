import { describe, expect, it } from 'vitest';
import { encodeRecordBatches } from '#log';
import type { Partition } from '#replication';
import { ledPartition } from '#replication/testing';
import { produceOf } from '../testing/records.js';
import { LocalLeader } from './local-leader.js';

const TARGET = { topic: 'events', partition: 0, topicId: 'id' };
const PRODUCER = { producerId: 7, producerEpoch: 0 };

describe('LocalLeader', () => {
  it('appends nothing with acks=all while too few replicas are in sync', async () => {
    const appends = await leading(() => true, 2);
    const refused = appends.append({ ...TARGET, acks: 'all', batches: [batchAt(0)] });
    await expect(refused).rejects.toMatchObject({ code: 'NOT_ENOUGH_REPLICAS', outcome: 'failed' });
    const [first] = await appends.append({ ...TARGET, acks: '1', batches: [batchAt(0)] });
    expect(first?.result).toMatchObject({ baseOffset: 0, isDuplicate: false });
  });

  it('refuses a sequence that does not fit while the broker surely leads', async () => {
    const appends = await leading(() => true);
    await appends.append({ ...TARGET, acks: '1', batches: [batchAt(0)] });
    const [refused] = await appends.append({ ...TARGET, acks: '1', batches: [batchAt(5)] });
    expect(refused?.error).toMatchObject({ code: 'OUT_OF_ORDER_SEQUENCE_NUMBER' });
  });

  it('sends an out-of-order sequence to the leader while its own lease is uncertain', async () => {
    let isLeaseValid = true;
    const appends = await leading(() => isLeaseValid);
    await appends.append({ ...TARGET, acks: '1', batches: [batchAt(0)] });
    isLeaseValid = false;
    const alone = appends.append({ ...TARGET, acks: 'all', batches: [batchAt(5)] });
    await expect(alone).rejects.toMatchObject({ code: 'LEADER_NOT_AVAILABLE', outcome: 'failed' });
    const second = appends.append({ ...TARGET, acks: 'all', batches: [batchAt(1), batchAt(5)] });
    await expect(second).rejects.toMatchObject({
      code: 'LEADER_NOT_AVAILABLE',
      outcome: 'unknown',
    });
  });

  it('does not call batches failed of which the first may be in the log', async () => {
    const { appends, partition } = await leadingPartition(() => true);
    const both = [batchAt(0), batchAt(1)];
    const answer = appends.append({ ...TARGET, acks: '1', batches: both });
    const next = { ...partition.metadata, leader: 1, leaderEpoch: 1, electionId: 'second' };
    await Promise.all([
      expect(answer).rejects.toMatchObject({ code: 'LEADER_NOT_AVAILABLE', outcome: 'unknown' }),
      partition.becomeFollower(next),
    ]);
  });

  it('refuses an append to another topic of the same name, and writes nothing', async () => {
    const appends = await leading(() => true);
    const refused = appends.append({
      ...TARGET,
      topicId: 'other',
      acks: '1',
      batches: [batchAt(0)],
    });
    await expect(refused).rejects.toMatchObject({ fault: 'NOT_LEADER_OR_FOLLOWER', leader: null });
    const [first] = await appends.append({ ...TARGET, acks: '1', batches: [batchAt(0)] });
    expect(first?.result).toMatchObject({ baseOffset: 0 });
  });
});

/** A batch of one record with this sequence. */
function batchAt(baseSequence: number): Buffer {
  const { records } = produceOf('events', ['value']);
  const { batches } = encodeRecordBatches([{ records, indexes: undefined }], {
    nowMs: 1,
    timestampType: 'CreateTime',
    batchSizeBytes: 1000,
    maxBatchBytes: 1000,
    producer: { ...PRODUCER, baseSequence },
  });
  const [batch] = batches;
  if (batch === undefined) throw new Error('a record makes a batch');
  return batch;
}

/** Returns the appends of a broker that leads, and has no other replicas. */
async function leading(isLeaseValid: () => boolean, minInsyncReplicas = 1): Promise<LocalLeader> {
  return (await leadingPartition(isLeaseValid, minInsyncReplicas)).appends;
}

async function leadingPartition(
  isLeaseValid: () => boolean,
  minInsyncReplicas = 1,
): Promise<{ readonly appends: LocalLeader; readonly partition: Partition }> {
  const { partition } = await ledPartition({
    target: TARGET,
    topicId: TARGET.topicId,
    config: { 'min.insync.replicas': String(minInsyncReplicas) },
  });
  const replicas = { leaderOrThrow: () => partition };
  return { appends: new LocalLeader({ replicas, isLeaseValid }), partition };
}
