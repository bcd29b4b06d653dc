import { describe, expect, it } from 'vitest';
import { stateDocument, stateOf } from './state-document.js';
import { brokerOf, clusterOf, partitionOf, topicOf } from './testing/cluster-fixture.js';

describe('a state as a document', () => {
  it('is parsed back unchanged, with a moving partition and a held setting', () => {
    const reassignment = { from: [0, 1], to: [2], version: 99 };
    const partitions = [partitionOf(), partitionOf({ isNew: true, reassignment })];
    const held = { ...topicOf('events', partitions), minInsyncHold: { replicas: 2, version: 98 } };
    const state = clusterOf(
      [brokerOf(0, { featureLevel: 1 }), brokerOf(1, { alive: false })],
      [held],
    );
    const text = JSON.stringify(stateDocument(state));
    expect(stateOf(JSON.parse(text) as ReturnType<typeof stateDocument>)).toEqual(state);
  });

  it('omits members without a value, as earlier releases did', () => {
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
