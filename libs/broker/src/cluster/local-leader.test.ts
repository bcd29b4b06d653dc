import { describe, expect, it } from 'vitest';
import { encodeRecordBatches, LogManager, silentLogObserver } from '#log';
import { parseTopicConfig } from '#protocol';
import { Partition } from '#replication';
import { Limiter, silentLogger } from '#runtime';
import { FakeClock, FakeDisk, FakeScheduler, SeededRandom } from '#runtime/testing';
import { produceOf } from '../testing/records.js';
import { LocalLeader } from './local-leader.js';

const TARGET = { topic: 'events', partition: 0, topicId: 'id' };
const PRODUCER = { producerId: 7, producerEpoch: 0 };

describe('LocalLeader', () => {
  it('appends nothing that all are to have while too few are in sync', async () => {
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

/** The appends of a broker that is alone, and leads. */
async function leading(isLeaseValid: () => boolean, minInsyncReplicas = 1): Promise<LocalLeader> {
  const clock = new FakeClock();
  const manager = await LogManager.open(
    {
      dataDir: '/data',
      durability: 'fsync',
      syncsInFlightMax: 4,
      tailCacheBytes: 1024 * 1024,
      producerBatchesRemembered: 5,
      producerIdExpirationMs: 1000,
      retentionCheckIntervalMs: 5000,
      compactionCheckIntervalMs: 5000,
      compactionBytesPerSecond: 1024 * 1024,
    },
    {
      fileSystem: new FakeDisk(),
      clock,
      scheduler: new FakeScheduler(clock),
      random: new SeededRandom(1),
      logger: silentLogger,
      observer: silentLogObserver,
    },
  );
  const config = parseTopicConfig({ 'min.insync.replicas': String(minInsyncReplicas) }, 1);
  const log = await manager.createLog(TARGET, TARGET.topicId, config);
  const metadata = {
    replicas: [0],
    leader: 0,
    leaderEpoch: 0,
    electionId: 'first',
    isr: [0],
    partitionEpoch: 0,
    isNew: false,
  };
  const partition = new Partition(log, metadata, {
    member: {
      brokerId: 0,
      clock,
      isMetadataShared: false,
      journaledVersion: () => 0,
      onLogEnd: () => undefined,
    },
    diskReads: new Limiter(1),
    onHighWatermark: () => undefined,
  });
  await partition.becomeLeader(metadata);
  return new LocalLeader({ replicas: { leaderOrThrow: () => partition }, isLeaseValid });
}
