import { describe, expect, it } from 'vitest';
import { SeededRandom } from '#runtime/testing';
import type { ClusterState } from '../cluster-state.js';
import type { TopicMetadata } from '../metadata.js';
import { minInsyncReplicas } from '../min-insync-replicas.js';
import {
  brokerOf,
  clusterOf,
  partitionIn,
  partitionOf,
  stateAfter,
  topicOf,
} from '../testing/cluster-fixture.js';
import {
  alterTopic,
  confirmPartitions,
  createTopic,
  deleteTopic,
  releaseMinInsyncHolds,
} from './topics.js';

const random = new SeededRandom(1);
const BROKERS = [brokerOf(0), brokerOf(1), brokerOf(2, { alive: false })];
const EVENTS = { name: 'events', id: 'events-1', configs: {}, assignment: [[0, 1]] };

describe('createTopic', () => {
  it('creates partitions led by their first live replica, with all live ones in sync', () => {
    const assignment = [
      [0, 1],
      [2, 1, 0],
    ];
    const state = stateAfter(clusterOf(BROKERS), (before) =>
      createTopic(before, { ...EVENTS, assignment }, random),
    );
    expect(state.topics.get('events')).toMatchObject({ id: 'events-1', version: 0 });
    expect(partitionIn(state, 'events', 0)).toMatchObject({
      replicas: [0, 1],
      leader: 0,
      leaderEpoch: 0,
      isr: [0, 1],
      partitionEpoch: 0,
      isNew: true,
    });
    expect(partitionIn(state, 'events', 1)).toMatchObject({
      replicas: [2, 1, 0],
      leader: 1,
      isr: [1, 0],
    });
  });

  it('gives every partition an election id of its own', () => {
    const state = stateAfter(clusterOf(BROKERS), (before) =>
      createTopic(before, { ...EVENTS, assignment: [[0], [0]] }, random),
    );
    const ids = state.topics.get('events')?.partitions.map((one) => one.electionId);
    expect(new Set(ids).size).toBe(2);
  });

  it('refuses a name in use, and partitions without a live replica', () => {
    const taken = clusterOf(BROKERS, [topicOf('events', [])]);
    expect(() => createTopic(taken, EVENTS, random)).toThrow(
      expect.objectContaining({ code: 'TOPIC_ALREADY_EXISTS' }),
    );
    const onTheDead = { ...EVENTS, assignment: [[0], [2]] };
    expect(() => createTopic(clusterOf(BROKERS), onTheDead, random)).toThrow(
      expect.objectContaining({ code: 'BROKER_NOT_AVAILABLE' }),
    );
  });
});

describe('alterTopic', () => {
  const before = clusterOf(BROKERS, [topicOf('events', [partitionOf()])]);
  const change = { name: 'events', topicId: 'id-of-events', configs: {}, addedAssignment: [[1]] };

  it('replaces configs, appends partitions and raises the version', () => {
    const configs = { 'retention.ms': '5' };
    const state = stateAfter(before, (now) => alterTopic(now, { ...change, configs }, random));
    expect(state.topics.get('events')).toMatchObject({ version: 1, configs });
    expect(partitionIn(state, 'events', 0)).toBe(partitionIn(before, 'events', 0));
    expect(partitionIn(state, 'events', 1)).toMatchObject({ leader: 1, isNew: true });
  });

  it('refuses a topic that was created again under the same name', () => {
    expect(() => alterTopic(before, { ...change, topicId: 'an earlier topic' }, random)).toThrow(
      expect.objectContaining({ code: 'UNKNOWN_TOPIC_OR_PARTITION' }),
    );
  });
});

describe('a lower min.insync.replicas', () => {
  const MIN_TWO = { 'min.insync.replicas': '2' };
  const MIN_ONE = { 'min.insync.replicas': '1' };
  const before = clusterOf(BROKERS, [topicOf('events', [partitionOf()], MIN_TWO)]);

  function altered(state: ClusterState, configs: TopicMetadata['configs']): ClusterState {
    const change = { name: 'events', topicId: 'id-of-events', configs, addedAssignment: [] };
    return stateAfter(state, (now) => alterTopic(now, change, random));
  }

  function topicIn(state: ClusterState): TopicMetadata {
    const topic = state.topics.get('events');
    if (topic === undefined) throw new Error('the topic is gone');
    return topic;
  }

  it('is shown at once, but leaders use the former one until it is released', () => {
    const held = altered(before, MIN_ONE);
    const topic = topicIn(held);
    expect(topic).toMatchObject({ configs: MIN_ONE, minInsyncHold: { replicas: 2, version: 101 } });
    expect(minInsyncReplicas(topic, partitionOf())).toBe(2);
    const released = topicIn(stateAfter(held, (now) => releaseMinInsyncHolds(now, 101)));
    expect(released).toEqual({ ...topicOf('events', [partitionOf()], MIN_ONE), version: 2 });
    expect(minInsyncReplicas(released, partitionOf())).toBe(1);
  });

  it('is not released by an earlier journaled version', () => {
    expect(releaseMinInsyncHolds(altered(before, MIN_ONE), 100)).toEqual([]);
  });

  it('is held also where it comes from a default', () => {
    const byDefault = clusterOf(BROKERS, [topicOf('events', [partitionOf()])]);
    expect(topicIn(altered(byDefault, MIN_ONE)).minInsyncHold?.replicas).toBe(2);
    const one = clusterOf(BROKERS, [topicOf('events', [partitionOf({ replicas: [0] })])]);
    expect(topicIn(altered(one, MIN_ONE)).minInsyncHold).toBeUndefined();
  });

  it('needs no hold when it is reverted or raised', () => {
    const back = altered(altered(before, MIN_ONE), MIN_TWO);
    expect(topicIn(back).minInsyncHold).toBeUndefined();
    expect(topicIn(altered(before, { 'min.insync.replicas': '3' })).minInsyncHold).toBeUndefined();
  });

  it('stays held when other configs change', () => {
    const held = altered(before, MIN_ONE);
    const next = altered(held, { ...MIN_ONE, 'retention.ms': '5' });
    expect(topicIn(next).minInsyncHold).toEqual({ replicas: 2, version: 102 });
  });
});

describe('deleteTopic', () => {
  const before = clusterOf(BROKERS, [topicOf('events', [partitionOf()])]);

  it('leaves a tombstone, which proves that its logs may be removed', () => {
    const state = stateAfter(before, (now) => deleteTopic(now, 'events', 'id-of-events'));
    expect(state.topics.has('events')).toBe(false);
    expect(state.deletedTopics.get('id-of-events')).toEqual({
      name: 'events',
      id: 'id-of-events',
    });
  });

  it('does not delete a topic that was created again under the same name', () => {
    expect(deleteTopic(before, 'events', 'an earlier topic')).toEqual([]);
    expect(deleteTopic(before, 'nothing', 'id-of-events')).toEqual([]);
  });
});

describe('confirmPartitions', () => {
  const before = clusterOf(BROKERS, [
    topicOf('events', [partitionOf({ isNew: true }), partitionOf({ isNew: true }), partitionOf()]),
  ]);

  it('confirms the given partitions without raising an epoch', () => {
    const state = stateAfter(before, (now) =>
      confirmPartitions(now, 'events', 'id-of-events', [1, 2, 7]),
    );
    const partitions = state.topics.get('events')?.partitions ?? [];
    expect(partitions.map((one) => one.isNew)).toEqual([true, false, false]);
    expect(partitions[1]).toMatchObject({ leaderEpoch: 5, partitionEpoch: 10 });
  });

  it('ignores a confirmation by a broker that does not lead any more', () => {
    const leader = before.topics.get('events')?.partitions[0]?.leader ?? 0;
    expect(confirmPartitions(before, 'events', 'id-of-events', [0], leader + 1)).toEqual([]);
    expect(confirmPartitions(before, 'events', 'id-of-events', [0], leader)).toHaveLength(1);
  });

  it('changes nothing where all are confirmed, or the topic is another one', () => {
    expect(confirmPartitions(before, 'events', 'id-of-events', [2])).toEqual([]);
    expect(confirmPartitions(before, 'events', 'an earlier topic', [0])).toEqual([]);
  });
});
