import { describe, expect, it } from 'vitest';
import { SeededRandom } from '#runtime/testing';
import {
  brokerOf,
  clusterOf,
  partitionIn,
  partitionOf,
  stateAfter,
  topicOf,
} from '../testing/cluster-fixture.js';
import { type IsrMember, type IsrProposal, leaveIsrs, proposeIsr } from './isr.js';

const random = new SeededRandom(1);
const BROKERS = [brokerOf(0), brokerOf(1), brokerOf(2), brokerOf(3)];
const BEFORE = clusterOf(BROKERS, [
  topicOf('events', [partitionOf({ isr: [0, 1] }), partitionOf({ isr: [0, 1] })]),
  topicOf('others', [partitionOf()]),
]);
const MEMBERS: IsrMember[] = [
  { id: 0, brokerEpoch: null },
  { id: 1, brokerEpoch: null },
];

function proposalOf(fields: Partial<IsrProposal> = {}): IsrProposal {
  return {
    topic: 'events',
    topicId: 'id-of-events',
    partition: 0,
    leaderEpoch: 5,
    partitionEpoch: 10,
    isr: [...MEMBERS, { id: 2, brokerEpoch: 3 }],
    ...fields,
  };
}

describe('proposeIsr', () => {
  it('accepts a joiner whose process is the one that was seen in sync', () => {
    const state = stateAfter(BEFORE, (now) => proposeIsr(now, 0, [proposalOf()]));
    expect(partitionIn(state, 'events')).toEqual(partitionOf({ partitionEpoch: 11 }));
  });

  it('shrinks without checking the members that leave', () => {
    const isr = [{ id: 0, brokerEpoch: null }];
    const state = stateAfter(BEFORE, (now) => proposeIsr(now, 0, [proposalOf({ isr })]));
    expect(partitionIn(state, 'events')).toMatchObject({ isr: [0], leader: 0, leaderEpoch: 5 });
  });

  it('accepts valid proposals beside invalid ones', () => {
    const proposals = [
      proposalOf({ partitionEpoch: 9 }),
      proposalOf({ partition: 1 }),
      proposalOf({ topic: 'others', topicId: 'id-of-others', isr: MEMBERS }),
    ];
    const state = stateAfter(BEFORE, (now) => proposeIsr(now, 0, proposals));
    expect(partitionIn(state, 'events', 0).isr).toEqual([0, 1]);
    expect(partitionIn(state, 'events', 1).isr).toEqual([0, 1, 2]);
    expect(partitionIn(state, 'others', 0).isr).toEqual([0, 1]);
  });

  it.each<[string, Partial<IsrProposal>]>([
    ['an older leader epoch', { leaderEpoch: 4 }],
    ['a newer leader epoch', { leaderEpoch: 6 }],
    ['an older partition epoch', { partitionEpoch: 9 }],
    ['another topic of the same name', { topicId: 'an earlier topic' }],
    ['a partition that is not there', { partition: 7 }],
    ['an ISR without the leader', { isr: [{ id: 1, brokerEpoch: null }] }],
    ['no ISR at all', { isr: [] }],
    ['a joiner that was started again', { isr: [...MEMBERS, { id: 2, brokerEpoch: 2 }] }],
    ['a joiner without a broker epoch', { isr: [...MEMBERS, { id: 2, brokerEpoch: null }] }],
    ['a joiner that is not a replica', { isr: [...MEMBERS, { id: 3, brokerEpoch: 4 }] }],
    ['a joiner that is not a broker', { isr: [...MEMBERS, { id: 9, brokerEpoch: 1 }] }],
    ['a member twice', { isr: [...MEMBERS, { id: 1, brokerEpoch: null }] }],
  ])('ignores a proposal with %s', (_, fields) => {
    expect(proposeIsr(BEFORE, 0, [proposalOf(fields)])).toEqual([]);
  });

  it('ignores a proposal of a broker that does not lead or is dead, and of a dead joiner', () => {
    expect(proposeIsr(BEFORE, 1, [proposalOf()])).toEqual([]);
    for (const dead of [0, 2]) {
      const brokers = BROKERS.map((broker) => ({ ...broker, alive: broker.id !== dead }));
      const state = clusterOf(brokers, [...BEFORE.topics.values()]);
      expect(proposeIsr(state, 0, [proposalOf()])).toEqual([]);
    }
  });

  it('accepts the first of two proposals for one partition', () => {
    const both = [proposalOf({ isr: MEMBERS.slice(0, 1) }), proposalOf()];
    const state = stateAfter(BEFORE, (now) => proposeIsr(now, 0, both));
    expect(partitionIn(state, 'events')).toMatchObject({ isr: [0], partitionEpoch: 11 });
  });
});

describe('leaveIsrs', () => {
  const lacking = [{ topic: 'events', topicId: 'id-of-events', partition: 0 }];

  it('removes a replica and elects another leader for its partitions', () => {
    const state = stateAfter(BEFORE, (now) =>
      leaveIsrs(now, { id: 0, brokerEpoch: 1 }, lacking, random),
    );
    expect(partitionIn(state, 'events')).toMatchObject({ leader: 1, leaderEpoch: 6, isr: [1] });
    expect(partitionIn(state, 'events', 1)).toBe(partitionIn(BEFORE, 'events', 1));
    const follower = stateAfter(BEFORE, (now) =>
      leaveIsrs(now, { id: 1, brokerEpoch: 2 }, lacking, random),
    );
    expect(partitionIn(follower, 'events')).toMatchObject({ leader: 0, leaderEpoch: 5, isr: [0] });
  });

  it('keeps the last member, and ignores an earlier process or another topic', () => {
    const alone = clusterOf(BROKERS, [topicOf('events', [partitionOf({ isr: [0] })])]);
    expect(leaveIsrs(alone, { id: 0, brokerEpoch: 1 }, lacking, random)).toEqual([]);
    expect(leaveIsrs(BEFORE, { id: 0, brokerEpoch: 0 }, lacking, random)).toEqual([]);
    const other = [{ topic: 'events', topicId: 'an earlier topic', partition: 0 }];
    expect(leaveIsrs(BEFORE, { id: 0, brokerEpoch: 1 }, other, random)).toEqual([]);
  });
});
