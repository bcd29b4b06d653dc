import { describe, expect, it } from 'vitest';
import { NotLeaderError } from '#replication';
import type { GroupRecord } from '../log/group-records.js';
import { type LedPartition, ledPartition } from '../testing/led-partition.js';
import { GroupLog } from './group-log.js';

const RECORD: GroupRecord = {
  kind: 'pattern',
  key: { group: 'g', pattern: 'orders' },
  value: { generation: 1 },
};

describe('the log of a coordinator', () => {
  it('refuses writes and loads once its broker leads in a later epoch', async () => {
    const { partition, metadata, clock, scheduler } = await ledPartition();
    const log = new GroupLog(partition, clock, scheduler);
    const batches = log.encode([RECORD], true);
    await log.append(batches);
    const { leaderEpoch } = metadata;
    await partition.becomeFollower({ ...metadata, leader: 1, leaderEpoch: leaderEpoch + 1 });
    await partition.becomeLeader({ ...metadata, leaderEpoch: leaderEpoch + 2 });
    const endOffset = partition.log.offsets.logEnd;
    await expect(log.append(batches)).rejects.toBeInstanceOf(NotLeaderError);
    await expect(log.load(() => undefined)).rejects.toBeInstanceOf(NotLeaderError);
    expect(partition.log.offsets.logEnd).toBe(endOffset);
    const loaded: GroupRecord[] = [];
    await new GroupLog(partition, clock, scheduler).load((record) => loaded.push(record));
    expect(loaded).toEqual([RECORD]);
  });

  it('answers an append when it is committed, not when it is written', async () => {
    const { partition, clock, scheduler } = await ledWithFollower();
    const log = new GroupLog(partition, clock, scheduler);
    let isAnswered = false;
    const appended = log.append(log.encode([RECORD], true)).then(() => (isAnswered = true));
    await scheduler.advance(100);
    expect(partition.log.offsets.logEnd).toBe(1);
    expect(isAnswered).toBe(false);
    partition.followerFetched(1, { brokerEpoch: 1, logEndOffset: 1, syncedEndOffset: 1 });
    await appended;
  });

  it('is loaded when all that was appended before is committed', async () => {
    const { partition, clock, scheduler } = await ledWithFollower();
    const log = new GroupLog(partition, clock, scheduler);
    const appended = log.append(log.encode([RECORD], true));
    await scheduler.advance(100);
    let isLoaded = false;
    const loaded: GroupRecord[] = [];
    const loading = new GroupLog(partition, clock, scheduler).load((one) => loaded.push(one));
    void loading.then(() => (isLoaded = true));
    await scheduler.advance(100);
    expect(isLoaded).toBe(false);
    expect(loaded).toEqual([]);
    partition.followerFetched(1, { brokerEpoch: 1, logEndOffset: 1, syncedEndOffset: 1 });
    await Promise.all([loading, appended]);
    expect(loaded).toEqual([RECORD]);
  });
});

/** A partition whose records are committed once a follower has them. */
async function ledWithFollower(): Promise<LedPartition> {
  const led = await ledPartition({ replicas: [0, 1] });
  const next = { leaderEpoch: 1, electionId: 'second', isr: [0, 1] };
  await led.partition.becomeLeader({ ...led.metadata, ...next });
  return led;
}
