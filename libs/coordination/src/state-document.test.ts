import { describe, expect, it } from 'vitest';
import { stateDocument, stateOf } from './state-document.js';
import { brokerOf, clusterOf, partitionOf, topicOf } from './testing/cluster-fixture.js';

describe('a state as a document', () => {
  it('comes back as it was, with a partition that moves and a setting that is held', () => {
    const reassignment = { from: [0, 1], to: [2], version: 99 };
    const partitions = [partitionOf(), partitionOf({ isNew: true, reassignment })];
    const held = { ...topicOf('events', partitions), minInsyncHold: { replicas: 2, version: 98 } };
    const state = clusterOf([brokerOf(0), brokerOf(1, { alive: false })], [held]);
    const text = JSON.stringify(stateDocument(state));
    expect(stateOf(JSON.parse(text) as ReturnType<typeof stateDocument>)).toEqual(state);
  });

  it('names what is not there by no member, as releases did that knew nothing of it', () => {
    const { topics } = stateDocument(clusterOf([], [topicOf('events', [partitionOf()])]));
    expect(topics['events']).toEqual({
      id: 'id-of-events',
      version: 0,
      configs: {},
      partitions: [
        {
          leader: 0,
          leader_epoch: 5,
          election_id: 'before',
          isr: [0, 1, 2],
          replicas: [0, 1, 2],
          partition_epoch: 10,
        },
      ],
    });
  });
});
