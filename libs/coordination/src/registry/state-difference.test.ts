import { describe, expect, it } from 'vitest';
import { applyChanges, type ClusterState } from '../cluster-state.js';
import { brokerOf, clusterOf, partitionOf, topicOf } from '../testing/cluster-fixture.js';
import { MissingTopicError, stateDifference } from './state-difference.js';

const BROKERS = [brokerOf(0), brokerOf(1)];
const BEFORE = clusterOf(BROKERS, [topicOf('a', [partitionOf(), partitionOf()]), topicOf('b', [])]);
const REBUILT = 2 ** 32;

/** What a difference makes of the state before; it says all when that is the state after. */
function made(before: ClusterState, after: ClusterState): ClusterState {
  return applyChanges(before, stateDifference(before, after));
}

describe('stateDifference', () => {
  it('is nothing between a state and one that was read again', () => {
    expect(stateDifference(BEFORE, structuredClone(BEFORE))).toEqual([]);
  });

  it('tells partitions alone where only they changed', () => {
    const moved = partitionOf({ leader: 1, leaderEpoch: 6 });
    const after = clusterOf(BROKERS, [topicOf('a', [partitionOf(), moved]), topicOf('b', [])]);
    expect(stateDifference(BEFORE, after)).toEqual([
      {
        kind: 'partitions',
        topic: 'a',
        topicId: 'id-of-a',
        partitions: [{ partition: 1, state: moved }],
      },
    ]);
    expect(made(BEFORE, after)).toEqual(after);
  });

  it('tells a topic that was made again under its name as deleted, then as another one', () => {
    const again = { ...topicOf('a', [partitionOf()]), id: 'another' };
    const deleted = { name: 'a', id: 'id-of-a' };
    const after = {
      ...clusterOf([brokerOf(1, { alive: false })], [topicOf('b', []), again]),
      controller: { id: 1, epoch: 4 },
      deletedTopics: new Map([[deleted.id, deleted]]),
    };
    expect(stateDifference(BEFORE, after).map(({ kind }) => kind)).toEqual([
      'topic-deleted',
      'broker-removed',
      'broker',
      'controller',
      'topic',
    ]);
    expect(made(BEFORE, after)).toEqual(after);
  });

  it('tells a whole topic where its configs or partitions changed, also within one version', () => {
    const grown = clusterOf(BROKERS, [
      { ...topicOf('a', [partitionOf(), partitionOf(), partitionOf()]), version: 1 },
      topicOf('b', []),
    ]);
    const other = clusterOf(BROKERS, [
      topicOf('a', [partitionOf(), partitionOf()], { 'retention.ms': '5' }),
      topicOf('b', []),
    ]);
    for (const after of [grown, other]) {
      expect(stateDifference(BEFORE, after).map(({ kind }) => kind)).toEqual(['topic']);
      expect(made(BEFORE, after)).toEqual(after);
    }
  });

  it('follows no state that lacks a topic, save one that was rebuilt: then it was forgotten', () => {
    const lacking = clusterOf(BROKERS, [topicOf('a', [partitionOf(), partitionOf()])]);
    expect(() => stateDifference(BEFORE, lacking)).toThrow(MissingTopicError);
    expect(stateDifference(BEFORE, { ...lacking, version: REBUILT })).toEqual([
      { kind: 'topic-forgotten', topic: { name: 'b', id: 'id-of-b' } },
    ]);
  });
});
