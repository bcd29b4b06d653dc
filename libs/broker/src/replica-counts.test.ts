import { describe, expect, it } from 'vitest';
import type { ClusterState } from '#coordination';
import { assertBrokersHaveRoom } from './replica-counts.js';

const MAX = { partitionsPerBrokerMax: 3, brokerId: 1 };

describe('the replicas that a broker keeps', () => {
  it('are bounded per broker, with those that a move adds', () => {
    const state = stateOf([{ replicas: [1, 2] }, { replicas: [1], to: [1, 3] }]);
    expect(() => assertBrokersHaveRoom(state, [[1, 2]], MAX)).not.toThrow();
    expect(() => assertBrokersHaveRoom(state, [[1, 2], [1]], MAX)).toThrow(
      'A broker keeps at most 3 replicas of partitions, broker 1 would keep 4 ' +
        '(SLUICE_PARTITIONS_PER_BROKER_MAX).',
    );
    expect(() => assertBrokersHaveRoom(state, [[3], [3]], MAX)).not.toThrow();
    expect(() => assertBrokersHaveRoom(state, [[3], [3], [3]], MAX)).toThrow(/broker 3/);
  });

  it('of a broker that keeps too many already hold up nothing elsewhere', () => {
    const state = stateOf(Array.from({ length: 5 }, () => ({ replicas: [1] })));
    expect(() => assertBrokersHaveRoom(state, [[2]], MAX)).not.toThrow();
    expect(() => assertBrokersHaveRoom(state, [], MAX)).not.toThrow();
  });

  it('are bounded by the files that this broker may keep open, and no other one', () => {
    const state = stateOf([{ replicas: [1, 2] }]);
    const few = { ...MAX, partitionFilesMax: 2 };
    expect(() => assertBrokersHaveRoom(state, [[1], [2], [2]], few)).not.toThrow();
    expect(() => assertBrokersHaveRoom(state, [[1], [1]], few)).toThrow(
      'Each partition keeps a file open, and broker 1 may keep 2 of its open files for them; ' +
        'it would keep 3 partitions (ulimit -n).',
    );
  });

  it("of the cluster's own topics are not counted", () => {
    const state = stateOf(
      Array.from({ length: 5 }, () => ({ replicas: [1] })),
      '__own',
    );
    expect(() => assertBrokersHaveRoom(state, [[1]], MAX)).not.toThrow();
  });
});

interface Kept {
  readonly replicas: readonly number[];
  /** Replicas that it moves to. */
  readonly to?: readonly number[];
}

function stateOf(kept: readonly Kept[], name = 't'): ClusterState {
  const partitions = kept.map(({ replicas, to }) => ({
    replicas,
    leader: 1,
    leaderEpoch: 0,
    electionId: '',
    isr: replicas,
    partitionEpoch: 0,
    isNew: false,
    ...(to === undefined ? {} : { reassignment: { from: replicas, to, version: 1 } }),
  }));
  const topic = { name, id: 'id', version: 0, configs: {}, partitions };
  return {
    version: 1,
    changeId: '',
    controller: null,
    brokers: new Map(),
    topics: new Map([[name, topic]]),
    deletedTopics: new Map(),
  };
}
