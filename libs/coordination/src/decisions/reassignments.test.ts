import { describe, expect, it } from 'vitest';
import { SeededRandom } from '#runtime/testing';
import type { ClusterState } from '../cluster-state.js';
import type { Decision } from '../coordination-store.js';
import type { PartitionMetadata } from '../metadata.js';
import { VERSIONS_PER_REBUILD } from '../registry/rebuild.js';
import {
  brokerOf,
  clusterOf,
  partitionIn,
  partitionOf,
  stateAfter,
  topicOf,
} from '../testing/cluster-fixture.js';
import { brokerDied, electLeaders, electPreferredLeaders, electUncleanly } from './elections.js';
import { proposeIsr } from './isr.js';
import {
  advanceReassignments,
  reassignReplicas,
  replicaMoves,
  versionToBeJournaled,
} from './reassignments.js';
import { registerBroker } from './registration.js';
import { alterTopic, confirmPartitions, deleteTopic } from './topics.js';

const random = new SeededRandom(1);
const TOPIC = { topic: 'events', partition: 0 };
const FROM = [0, 1, 2];
const TO = [3, 4, 5];
const ALL = [...FROM, ...TO];

function stateOf(
  partition: Partial<PartitionMetadata> = {},
  { dead = [] as number[], configs = {} } = {},
): ClusterState {
  const brokers = ALL.map((id) => brokerOf(id, { alive: !dead.includes(id) }));
  return clusterOf(brokers, [topicOf('events', [partitionOf(partition)], configs)]);
}

const asked =
  (replicas: readonly number[]): Decision =>
  (state) =>
    reassignReplicas(state, { ...TOPIC, replicas });

/** Proceeds as if all brokers had everything on disk. */
const proceeded: Decision = (state) => advanceReassignments(state, state.version, random);

/** Brokers join the ISR by a proposal of the leader. */
const joined =
  (...ids: readonly number[]): Decision =>
  (state) => {
    const { leader, leaderEpoch, partitionEpoch, isr } = partitionIn(state, 'events');
    const members = [...isr, ...ids].map((id) => {
      return { id, brokerEpoch: state.brokers.get(id)?.brokerEpoch ?? null };
    });
    const proposal = { ...TOPIC, topicId: 'id-of-events', leaderEpoch, partitionEpoch };
    return proposeIsr(state, leader ?? -1, [{ ...proposal, isr: members }]);
  };

const died =
  (id: number): Decision =>
  (state) =>
    brokerDied(state, { id, brokerEpoch: state.brokers.get(id)?.brokerEpoch ?? 0 }, random);

const returnedEmpty =
  (id: number): Decision =>
  (state) => {
    const disk = { id, dataDirUuid: 'a new disk', url: null, clusterUrl: null, rack: null };
    const { brokerEpoch = 0 } = state.brokers.get(id) ?? {};
    return registerBroker(state, { ...disk, expiredBrokerEpoch: brokerEpoch }, random);
  };

function after(state: ClusterState, ...decisions: readonly Decision[]): PartitionMetadata {
  return partitionIn(decisions.reduce(stateAfter, state), 'events');
}

function stateAfterAll(state: ClusterState, ...decisions: readonly Decision[]): ClusterState {
  return decisions.reduce(stateAfter, state);
}

describe('a partition that moves', () => {
  it('is requested in a commit that changes neither replicas nor leader nor ISR', () => {
    const before = stateOf();
    expect(after(before, asked(TO))).toEqual({
      ...partitionIn(before, 'events'),
      partitionEpoch: 11,
      reassignment: { from: FROM, to: TO, version: 101 },
    });
  });

  it('gets its new replicas beside the old ones once a majority has the request on disk', () => {
    const state = stateAfterAll(stateOf(), asked(TO));
    expect(advanceReassignments(state, 100, random)).toEqual([]);
    const partition = after(state, (now) => advanceReassignments(now, 101, random));
    expect(partition).toMatchObject({ replicas: ALL, isr: FROM, leader: 0, leaderEpoch: 5 });
  });

  it('waits until all new replicas are in sync', () => {
    const state = stateAfterAll(stateOf(), asked(TO), proceeded, joined(3, 4));
    expect(proceeded(state)).toEqual([]);
  });

  it('then has only the new replicas, in a new leader epoch, led by the first of them', () => {
    const partition = after(stateOf(), asked(TO), proceeded, joined(...TO), proceeded);
    expect(partition).toMatchObject({ replicas: TO, isr: TO, leader: 3, leaderEpoch: 6 });
    expect(partition.reassignment).toBeUndefined();
    expect(partition.electionId).not.toBe('before');
  });

  it('keeps a leader that stays a replica, but in a new epoch', () => {
    const partition = after(stateOf(), asked([3, 0]), proceeded, joined(3), proceeded);
    expect(partition).toMatchObject({ replicas: [3, 0], isr: [3, 0], leader: 0, leaderEpoch: 6 });
  });

  it('moves even if no leaving replica is in sync', () => {
    const state = stateOf({ isr: [0] });
    const partition = after(state, asked([0, 3, 4]), proceeded, joined(3, 4), proceeded);
    expect(partition).toMatchObject({ replicas: [0, 3, 4], isr: [0, 3, 4], leader: 0 });
  });

  it('may end with more or fewer replicas', () => {
    const sole = stateOf({ replicas: [0] });
    expect(after(sole, asked([1, 0]), proceeded, joined(1), proceeded)).toMatchObject({
      replicas: [1, 0],
      isr: [1, 0],
    });
    expect(after(stateOf(), asked([2]), proceeded)).toMatchObject({
      replicas: [2],
      isr: [2],
      leader: 2,
      leaderEpoch: 6,
    });
  });

  it('ignores a repeated request, and a request for its present replicas', () => {
    expect(asked(FROM)(stateOf())).toEqual([]);
    const state = stateAfterAll(stateOf(), asked(TO), proceeded);
    expect(asked(TO)(state)).toEqual([]);
  });

  it('counts from the later version when it is requested again', () => {
    const state = stateAfterAll(stateOf(), asked(TO), asked(FROM), asked(TO));
    expect(advanceReassignments(state, 101, random)).toEqual([]);
    expect(versionToBeJournaled(state)).toBe(103);
  });

  it('counts from the rebuild that kept it', () => {
    const state = stateAfterAll(stateOf(), asked(TO));
    const rebuilt = 3 * VERSIONS_PER_REBUILD;
    expect(versionToBeJournaled({ ...state, version: rebuilt + 5 })).toBe(rebuilt);
  });

  it('lists added and removed replicas', () => {
    const state = stateAfterAll(stateOf(), asked([2, 3]));
    const moves = { adding: [3], removing: [0, 1] };
    expect(replicaMoves(partitionIn(state, 'events'))).toEqual(moves);
    expect(replicaMoves(after(state, proceeded))).toEqual(moves);
    expect(replicaMoves(partitionOf())).toBeUndefined();
  });
});

describe('a move that is cancelled', () => {
  it('ends at once while no replica was added', () => {
    const partition = after(stateOf(), asked(TO), asked(FROM));
    expect(partition).toEqual({ ...partitionOf(), partitionEpoch: 12 });
  });

  it('returns to the former replicas, in a new epoch, when that is journaled', () => {
    const moving = stateAfterAll(stateOf(), asked(TO), proceeded, joined(3));
    const back = stateAfterAll(moving, asked(FROM));
    expect(partitionIn(back, 'events').replicas).toEqual(ALL);
    expect(advanceReassignments(back, back.version - 1, random)).toEqual([]);
    expect(after(back, proceeded)).toMatchObject({ replicas: FROM, isr: FROM, leaderEpoch: 6 });
  });

  it('waits for min.insync.replicas, not for a former replica that is behind', () => {
    const moving = stateAfterAll(stateOf({ isr: [0, 1] }), asked(TO), proceeded, asked(FROM));
    expect(after(moving, proceeded)).toMatchObject({ replicas: FROM, isr: [0, 1] });
    const alone = stateAfterAll(stateOf({ isr: [0] }), asked(TO), proceeded, asked(FROM));
    expect(proceeded(alone)).toEqual([]);
  });

  it('may be redirected: replicas that were added stay until the end', () => {
    const moving = stateAfterAll(stateOf(), asked([3, 4]), proceeded, joined(3), asked([0, 5]));
    const next = stateAfterAll(moving, proceeded);
    expect(partitionIn(next, 'events')).toMatchObject({ replicas: [0, 1, 2, 3, 4, 5] });
    expect(partitionIn(next, 'events').reassignment).toMatchObject({ from: FROM, to: [0, 5] });
    expect(after(next, joined(5), proceeded)).toMatchObject({ replicas: [0, 5], isr: [0, 5] });
  });
});

describe('an invalid request', () => {
  it.each([
    ['no replicas', [], {}, 'INVALID_REQUEST'],
    ['an unknown broker', [0, 9], {}, 'INVALID_REQUEST'],
    ['a broker twice', [0, 0], {}, 'INVALID_REQUEST'],
    ['too few', [0], { 'min.insync.replicas': '2' }, 'INVALID_REPLICATION_FACTOR'],
  ])('is refused: %s', (_, replicas, configs, code) => {
    expect(() => asked(replicas)(stateOf({}, { configs }))).toThrow(
      expect.objectContaining({ code }),
    );
  });

  it('is refused for a dead broker that has no replica yet', () => {
    const state = stateOf({ isr: [0, 1] }, { dead: [2, 3] });
    const refusal = expect.objectContaining({ code: 'BROKER_NOT_AVAILABLE' });
    expect(() => asked([0, 3])(state)).toThrow(refusal);
    expect(asked([0, 2])(state)).toHaveLength(1);
  });

  it('is refused for an unknown topic or partition', () => {
    const refusal = expect.objectContaining({ code: 'UNKNOWN_TOPIC_OR_PARTITION' });
    const none = { topic: 'events', partition: 7, replicas: TO };
    expect(() => reassignReplicas(stateOf(), none)).toThrow(refusal);
    expect(() => reassignReplicas(stateOf(), { ...none, topic: 'nothing' })).toThrow(refusal);
  });
});

/** States of partition 0 in each phase of a move. */
const PHASES: readonly (readonly [name: string, state: ClusterState])[] = [
  ['asked for', stateAfterAll(stateOf(), asked(TO))],
  ['copying', stateAfterAll(stateOf(), asked(TO), proceeded)],
  ['partly in sync', stateAfterAll(stateOf(), asked(TO), proceeded, joined(3))],
  ['fully in sync', stateAfterAll(stateOf(), asked(TO), proceeded, joined(...TO))],
];

/** Events that may happen during a move. */
const EVENTS: readonly (readonly [name: string, happens: Decision])[] = [
  ['the leader dies', died(0)],
  ['a follower dies', died(1)],
  ['a target dies', died(3)],
  ['the leader returns with an empty disk', returnedEmpty(0)],
  ['a target returns with an empty disk', returnedEmpty(4)],
  ['leaders are balanced', (state) => electPreferredLeaders(state, undefined, random)],
  ['leaders are elected', (state) => electLeaders(state, random)],
  ['partitions are added', (state) => altered(state, [[0, 1, 2]])],
  ['configs change', (state) => altered(state, [])],
  ['its log is created', (state) => confirmPartitions(state, 'events', 'id-of-events', [0])],
  ['it is redirected', asked([1, 3])],
  ['it is cancelled', asked(FROM)],
  ['others proceed', proceeded],
];

function altered(state: ClusterState, addedAssignment: readonly (readonly number[])[]) {
  const change = { name: 'events', topicId: 'id-of-events', configs: {}, addedAssignment };
  return alterTopic(state, change, random);
}

describe('any event in any phase', () => {
  const cases = PHASES.flatMap(([phase, state]) =>
    EVENTS.map(([event, happens]) => [phase, event, state, happens] as const),
  );

  it.each(cases)(
    '%s, and %s: the rules hold and the move ends',
    (_phase, _event, before, happens) => {
      let state = before;
      const step = (decide: Decision): void => {
        const next = stateAfter(state, decide);
        assertStep(partitionIn(state, 'events'), partitionIn(next, 'events'));
        state = next;
      };
      step(happens);
      const moving = partitionIn(state, 'events');
      const target = moving.reassignment?.to ?? moving.replicas;
      for (const id of ALL) {
        if (state.brokers.get(id)?.alive !== true) step(returnedWithItsDisk(id));
      }
      for (let round = 0; round < 4; round += 1) {
        step((now) => electLeaders(now, random));
        step(proceeded);
        const { replicas, isr } = partitionIn(state, 'events');
        const behind = replicas.filter((id) => !isr.includes(id));
        if (behind.length > 0) step(joined(...behind));
      }
      const partition = partitionIn(state, 'events');
      expect(partition.reassignment).toBeUndefined();
      expect(partition.replicas).toEqual(target);
      expect(partition.isr).toEqual(target);
      expect(target).toContain(partition.leader);
    },
  );

  it.each(PHASES)('%s, and its topic is deleted: the move is gone', (_, before) => {
    const state = stateAfter(before, (now) => deleteTopic(now, 'events', 'id-of-events'));
    expect(state.topics.size).toBe(0);
    expect(proceeded(state)).toEqual([]);
    expect(versionToBeJournaled(state)).toBeUndefined();
  });

  it('a move ends after an operator elects a target when all others in sync have died', () => {
    const dead = [...FROM.map(died), died(4), died(5)];
    const start = stateAfterAll(stateOf({ isr: [0] }), asked(TO), proceeded, ...dead);
    expect(partitionIn(start, 'events')).toMatchObject({ leader: null, isr: [0] });
    const led = stateAfter(start, (now) => electUncleanly(now, { ...TOPIC, replica: 3 }, random));
    const partition = after(
      led,
      returnedWithItsDisk(4),
      returnedWithItsDisk(5),
      joined(4, 5),
      proceeded,
    );
    expect(partition).toMatchObject({ replicas: TO, isr: [3, 4, 5], leader: 3 });
  });
});

function returnedWithItsDisk(id: number): Decision {
  return (state) => {
    const { dataDirUuid = '' } = state.brokers.get(id) ?? {};
    const registrant = { id, url: null, clusterUrl: null, rack: null, dataDirUuid };
    return registerBroker(state, registrant, random);
  };
}

/** Replicas leave only with a new epoch; the leader was in sync and is a replica. */
function assertStep(before: PartitionMetadata, now: PartitionMetadata): void {
  if (now === before) return;
  const isElection = now.leaderEpoch > before.leaderEpoch;
  const hasLost = before.replicas.some((id) => !now.replicas.includes(id));
  if (hasLost) expect(isElection).toBe(true);
  expect(now.replicas).toEqual(expect.arrayContaining([...now.isr]));
  expect(now.isr.length).toBeGreaterThan(0);
  if (now.leader === null) return;
  expect(now.isr).toContain(now.leader);
  if (isElection) expect(before.isr).toContain(now.leader);
}
