import { describe, expect, it } from 'vitest';
import type { GroupRecord } from '../log/group-records.js';
import { decideHeartbeat, decideMemberCommit, decidePoll } from './decide-offsets.js';
import type { DecisionContext } from './decision.js';
import { Group } from './group.js';

const PLACE = { topic: 't', topicId: 'id', partition: 0 };
const TARGET = { topic: 't', partition: 0 };
const GENERATION = 4;
const COMMITTED = 10;
const CONTEXT: Pick<DecisionContext, 'nowMs'> = { nowMs: 0 };

/** A group whose one member owns a partition since generation 3, and must release it since 4. */
function groupOf({ autoCommit = true, isRevoked = false } = {}): Group {
  const group = new Group('g');
  const key = { group: 'g', memberId: 'm' };
  const owned = [{ topic: 't', topicId: 'id', partitions: [0], since: [3] }];
  const target = isRevoked ? [] : [{ topic: 't', topicId: 'id', partitions: [0] }];
  const member = {
    instanceId: null,
    clientId: null,
    topics: ['t'],
    patterns: [],
    assignor: 'sticky',
    sessionTimeoutMs: null,
    maxPollIntervalMs: 1,
    autoOffsetReset: 'latest',
    autoCommit,
    replaced: [],
  } as const;
  const records: GroupRecord[] = [
    {
      kind: 'group',
      key: { group: 'g' },
      value: { mode: 'stream', generation: GENERATION, emptySinceMs: null },
    },
    { kind: 'member', key, value: member },
    { kind: 'assignment', key, value: { generation: GENERATION, owned, target } },
    {
      kind: 'offset',
      key: { group: 'g', ...TARGET },
      value: {
        topicId: 'id',
        offset: COMMITTED,
        leaderEpoch: null,
        metadata: null,
        committedAtMs: 0,
      },
    },
  ];
  for (const record of records) group.apply(record);
  return group;
}

/** Kinds of the records that a poll with a cursor causes. */
function kindsOfPoll(group: Group, generation: number, offset: number): string[] {
  const acknowledged = { generation, positions: [{ ...TARGET, offset }] };
  const poll = { memberId: 'm', acknowledged };
  return decidePoll(group, poll, CONTEXT as DecisionContext).map(({ kind }) => kind);
}

describe('a cursor', () => {
  it('commits what is above the committed offset, and nothing that is not', () => {
    expect(kindsOfPoll(groupOf(), GENERATION, COMMITTED + 1)).toEqual(['offset']);
    expect(kindsOfPoll(groupOf(), GENERATION, COMMITTED)).toEqual([]);
    expect(kindsOfPoll(groupOf(), GENERATION, COMMITTED - 1)).toEqual([]);
  });

  it('commits nothing of a partition that its member got later, or in no generation yet', () => {
    expect(kindsOfPoll(groupOf(), 3, COMMITTED + 1)).toEqual(['offset']);
    expect(kindsOfPoll(groupOf(), 2, COMMITTED + 1)).toEqual([]);
    expect(kindsOfPoll(groupOf(), GENERATION + 1, COMMITTED + 1)).toEqual([]);
  });

  it('releases with its commit; without autoCommit only when its member was told before', () => {
    expect(kindsOfPoll(groupOf({ isRevoked: true }), 3, COMMITTED + 1)).toEqual([
      'offset',
      'assignment',
    ]);
    const group = groupOf({ isRevoked: true, autoCommit: false });
    expect(kindsOfPoll(group, 3, COMMITTED + 1)).toEqual([]);
    expect(kindsOfPoll(group, GENERATION, COMMITTED + 1)).toEqual(['assignment']);
  });
});

describe('a heartbeat', () => {
  it('releases only with the generation of an answer that told its member', () => {
    const group = groupOf({ isRevoked: true });
    const released = (generation: number | null): number =>
      decideHeartbeat(group, { memberId: 'm', generation }).length;
    expect([null, 3, GENERATION].map(released)).toEqual([0, 0, 1]);
  });
});

describe('a request of a process that is not a member', () => {
  it('is refused, whatever it is', () => {
    const group = groupOf();
    const memberId = 'zombie';
    const offsets = [{ ...PLACE, offset: 1, leaderEpoch: null, metadata: null }];
    const context = CONTEXT as DecisionContext;
    const requests = [
      () => decidePoll(group, { memberId, acknowledged: null }, context),
      () => decideHeartbeat(group, { memberId, generation: null }),
      () => decideMemberCommit(group, { memberId, generation: GENERATION, offsets }, context),
    ];
    for (const request of requests) {
      expect(request).toThrow(expect.objectContaining({ code: 'UNKNOWN_MEMBER_ID' }));
    }
  });
});
