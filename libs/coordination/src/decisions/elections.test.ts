import { describe, expect, it } from 'vitest';
import { SeededRandom } from '#runtime/testing';
import type { ClusterState } from '../cluster-state.js';
import type { PartitionMetadata } from '../metadata.js';
import {
  brokerOf,
  clusterOf,
  partitionIn,
  partitionOf,
  stateAfter,
  topicOf,
} from '../testing/cluster-fixture.js';
import {
  brokerDied,
  controlledShutdown,
  electLeaders,
  electPreferredLeaders,
  electUncleanly,
} from './elections.js';

const random = new SeededRandom(1);
const UNCLEAN = { 'unclean.leader.election.enable': 'true' };

/** Brokers 0, 1 and 2, alive except those in `dead`, and a topic of one partition. */
function clusterWith(
  partition: Partial<PartitionMetadata>,
  { dead = [] as number[], configs = {} } = {},
): ClusterState {
  const brokers = [0, 1, 2].map((id) => brokerOf(id, { alive: !dead.includes(id) }));
  return clusterOf(brokers, [topicOf('events', [partitionOf(partition)], configs)]);
}

function afterDeathOf(id: number, state: ClusterState): PartitionMetadata {
  const process = { id, brokerEpoch: id + 1 };
  return partitionIn(
    stateAfter(state, (now) => brokerDied(now, process, random)),
    'events',
  );
}

describe('brokerDied', () => {
  it('elects the next in-sync replica, in a new epoch with a new election id', () => {
    const partition = afterDeathOf(0, clusterWith({ isr: [0, 2] }));
    expect(partition).toMatchObject({ leader: 2, leaderEpoch: 6, isr: [2], partitionEpoch: 11 });
    expect(partition.electionId).not.toBe('before');
  });

  it('removes a follower from the ISR without a new leader epoch', () => {
    expect(afterDeathOf(1, clusterWith({}))).toEqual(
      partitionOf({ isr: [0, 2], partitionEpoch: 11 }),
    );
  });

  it('skips replicas that are dead too', () => {
    const before = clusterWith({ isr: [0, 1] }, { dead: [1] });
    expect(afterDeathOf(0, before)).toMatchObject({ leader: null, isr: [1] });
  });

  it('keeps the last ISR member and leaves the partition without a leader, in a new epoch', () => {
    expect(afterDeathOf(0, clusterWith({ isr: [0] }))).toMatchObject({
      leader: null,
      leaderEpoch: 6,
      isr: [0],
      partitionEpoch: 11,
    });
  });

  it('elects an out-of-sync replica only where the topic allows it', () => {
    const before = clusterWith({ isr: [0] }, { configs: UNCLEAN, dead: [1] });
    expect(afterDeathOf(0, before)).toMatchObject({ leader: 2, leaderEpoch: 6, isr: [2] });
  });

  it('marks it dead once, and never another process with the same id', () => {
    const before = clusterWith({});
    const after = stateAfter(before, (now) => brokerDied(now, { id: 1, brokerEpoch: 2 }, random));
    expect(after.brokers.get(1)?.alive).toBe(false);
    expect(brokerDied(after, { id: 1, brokerEpoch: 2 }, random)).toEqual([]);
    expect(brokerDied(before, { id: 1, brokerEpoch: 1 }, random)).toEqual([]);
  });
});

describe('controlledShutdown', () => {
  it('moves its leaderships, leaves the ISRs and is marked dead, in one commit', () => {
    const before = clusterOf(
      [brokerOf(0), brokerOf(1)],
      [
        topicOf('events', [partitionOf({ replicas: [0, 1] }), partitionOf({ replicas: [1, 0] })]),
        topicOf('alone', [partitionOf({ replicas: [0] })]),
      ],
    );
    const after = stateAfter(before, (now) =>
      controlledShutdown(now, { id: 0, brokerEpoch: 1 }, random),
    );
    expect(after.version).toBe(before.version + 1);
    expect(after.brokers.get(0)?.alive).toBe(false);
    expect(partitionIn(after, 'events', 0)).toMatchObject({ leader: 1, leaderEpoch: 6, isr: [1] });
    expect(partitionIn(after, 'events', 1)).toMatchObject({ leader: 1, leaderEpoch: 5, isr: [1] });
    expect(partitionIn(after, 'alone')).toMatchObject({ leader: null, isr: [0] });
  });
});

describe('electLeaders', () => {
  it('elects a leader where there is none and an in-sync replica is alive again', () => {
    const before = clusterWith({ leader: null, isr: [1] });
    const after = stateAfter(before, (now) => electLeaders(now, random));
    expect(partitionIn(after, 'events')).toMatchObject({ leader: 1, leaderEpoch: 6, isr: [1] });
  });

  it('changes nothing where there is a leader, or no in-sync replica is alive', () => {
    expect(electLeaders(clusterWith({}), random)).toEqual([]);
    const waiting = clusterWith({ leader: null, isr: [1] }, { dead: [1] });
    expect(electLeaders(waiting, random)).toEqual([]);
    expect(electLeaders(clusterWith({ leader: null, isr: [] }), random)).toEqual([]);
  });
});

describe('electPreferredLeaders', () => {
  const before = clusterOf(
    [brokerOf(0), brokerOf(1), brokerOf(2, { alive: false })],
    [
      topicOf('events', [
        partitionOf({ leader: 1 }),
        partitionOf({ leader: 1, isr: [1] }),
        partitionOf({ replicas: [2, 1], leader: 1, isr: [1] }),
        partitionOf({ leader: 1 }),
      ]),
    ],
  );

  it('makes preferred leaders lead that are alive and in sync', () => {
    const after = stateAfter(before, (now) => electPreferredLeaders(now, undefined, random));
    const leaders = after.topics.get('events')?.partitions.map((one) => one.leader);
    expect(leaders).toEqual([0, 1, 1, 0]);
    expect(partitionIn(after, 'events', 0)).toMatchObject({ leaderEpoch: 6, isr: [0, 1, 2] });
  });

  it('changes only the given partitions', () => {
    const targets = [{ topic: 'events', partition: 3 }];
    const after = stateAfter(before, (now) => electPreferredLeaders(now, targets, random));
    expect(after.topics.get('events')?.partitions.map((one) => one.leader)).toEqual([1, 1, 1, 0]);
  });
});

describe('electUncleanly', () => {
  const target = { topic: 'events', partition: 0 };

  it('elects the first live replica, alone in the ISR', () => {
    const before = clusterWith({ leader: null, isr: [0] }, { dead: [0] });
    const after = stateAfter(before, (now) => electUncleanly(now, target, random));
    expect(partitionIn(after, 'events')).toMatchObject({ leader: 1, leaderEpoch: 6, isr: [1] });
  });

  it('elects the replica that the operator names', () => {
    const before = clusterWith({ leader: null, isr: [0] }, { dead: [0] });
    const after = stateAfter(before, (now) =>
      electUncleanly(now, { ...target, replica: 2 }, random),
    );
    expect(partitionIn(after, 'events')).toMatchObject({ leader: 2, isr: [2] });
  });

  it('prefers a live in-sync replica, and changes nothing where there is a leader', () => {
    const before = clusterWith({ leader: null, isr: [1, 2] });
    const after = stateAfter(before, (now) => electUncleanly(now, target, random));
    expect(partitionIn(after, 'events')).toMatchObject({ leader: 1, isr: [1, 2] });
    expect(electUncleanly(after, target, random)).toEqual([]);
  });

  it('refuses unknown partitions, brokers without a replica, and dead brokers', () => {
    const before = clusterWith({ leader: null, isr: [0] }, { dead: [0, 1, 2] });
    const refusal = (code: string): unknown => expect.objectContaining({ code });
    expect(() => electUncleanly(before, target, random)).toThrow(refusal('BROKER_NOT_AVAILABLE'));
    expect(() => electUncleanly(before, { ...target, partition: 3 }, random)).toThrow(
      refusal('UNKNOWN_TOPIC_OR_PARTITION'),
    );
    expect(() => electUncleanly(before, { ...target, replica: 3 }, random)).toThrow(
      refusal('INVALID_REQUEST'),
    );
  });
});
