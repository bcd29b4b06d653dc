import { describe, expect, it } from 'vitest';
import { applyChanges, type ClusterState } from '../cluster-state.js';
import { brokerOf, clusterOf, partitionOf, topicOf } from '../testing/cluster-fixture.js';
import { MissingTopicError, stateDifference } from './state-difference.js';

const BROKERS = [brokerOf(0), brokerOf(1)];
const BEFORE = clusterOf(BROKERS, [topicOf('a', [partitionOf(), partitionOf()]), topicOf('b', [])]);
const REBUILT = 2 ** 32;

/**
 * The earlier state with the difference applied; equal to the later state when the difference is
 * complete.
 */
function made(before: ClusterState, after: ClusterState): ClusterState {
  return applyChanges(before, stateDifference(before, after));
}

describe('stateDifference', () => {
  it('is empty between a state and the same state read again', () => {
    expect(stateDifference(BEFORE, structuredClone(BEFORE))).toEqual([]);
  });

  it('reports only partitions where nothing else changed', () => {
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

  it('reports a topic that was created again as a deletion and a new topic', () => {
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

  it('reports the whole topic when configs or partitions changed within one version', () => {
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

  it('rejects a state that lacks a topic; after a rebuild the topic was forgotten', () => {
    const lacking = clusterOf(BROKERS, [topicOf('a', [partitionOf(), partitionOf()])]);
    expect(() => stateDifference(BEFORE, lacking)).toThrow(MissingTopicError);
    expect(stateDifference(BEFORE, { ...lacking, version: REBUILT })).toEqual([
      { kind: 'topic-forgotten', topic: { name: 'b', id: 'id-of-b' } },
    ]);
  });
});
