import { describe, expect, it } from 'vitest';
import { CONSUMER_OFFSETS_TOPIC } from '#protocol';
import { stateDocument, stateOf } from '../state-document.js';
import {
  brokerOf,
  clusterOf,
  partitionOf,
  stateAfter,
  topicOf,
} from '../testing/cluster-fixture.js';
import { listQueueGroup, unlistQueueGroup } from './queue-groups.js';

const TERM = { partition: 0, leaderEpoch: 5 };
const JOBS = { topic: 'jobs', topicId: 'id-of-jobs' };
const MAIL = { topic: 'mail', topicId: 'id-of-mail' };

const STATE = clusterOf(
  [brokerOf(0)],
  ['jobs', 'mail', CONSUMER_OFFSETS_TOPIC].map((name) => topicOf(name, [partitionOf()])),
);

describe('the queue groups of a topic', () => {
  it('are listed once each, and survive in a document', () => {
    const once = stateAfter(STATE, (state) => listQueueGroup(state, 'a', [JOBS, MAIL], TERM));
    const both = stateAfter(once, (state) => listQueueGroup(state, 'b', [JOBS], TERM));
    expect(both.topics.get('jobs')).toMatchObject({ queueGroups: ['a', 'b'], version: 2 });
    expect(both.topics.get('mail')).toMatchObject({ queueGroups: ['a'], version: 1 });
    expect(listQueueGroup(both, 'a', [JOBS], TERM)).toEqual([]);
    const text = JSON.stringify(stateDocument(both));
    expect(stateOf(JSON.parse(text) as ReturnType<typeof stateDocument>)).toEqual(both);
  });

  it('are those of the topic that has the id now', () => {
    const gone = [
      { topic: 'jobs', topicId: 'before' },
      { topic: 'none', topicId: 'none' },
    ];
    expect(listQueueGroup(STATE, 'a', gone, TERM)).toEqual([]);
  });

  it('leave the lists of all topics', () => {
    const listed = stateAfter(STATE, (state) => listQueueGroup(state, 'a', [JOBS, MAIL], TERM));
    const left = stateAfter(listed, (state) => unlistQueueGroup(state, 'a', TERM));
    expect(left.topics.get('jobs')).not.toHaveProperty('queueGroups');
    expect(left.topics.get('mail')).not.toHaveProperty('queueGroups');
    expect(unlistQueueGroup(left, 'a', TERM)).toEqual([]);
  });

  it('are changed by the present coordinator of the group alone', () => {
    const refused = { code: 'COORDINATOR_NOT_AVAILABLE' };
    const late = { ...TERM, leaderEpoch: 4 };
    expect(() => listQueueGroup(STATE, 'a', [JOBS], late)).toThrow(
      expect.objectContaining(refused),
    );
    expect(() => unlistQueueGroup(STATE, 'a', late)).toThrow(expect.objectContaining(refused));
  });
});
