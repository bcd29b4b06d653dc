import { describe, expect, it } from 'vitest';
import { NotLeaderError } from '#replication';
import type { GroupRecord } from '../log/group-records.js';
import { ledPartition } from '../testing/led-partition.js';
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
});
