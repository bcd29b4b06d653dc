/**
 * Checks which replicas a rebuild waits for while a partition moves, or a lower min.insync.replicas
 * is held: no ISR may be missed that could have acknowledged in a state that the participants may
 * not know.
 */
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '#runtime/testing';
import type { ClusterState } from '../cluster-state.js';
import type { Decision } from '../coordination-store.js';
import { advanceReassignments, reassignReplicas } from '../decisions/reassignments.js';
import { alterTopic, releaseMinInsyncHolds } from '../decisions/topics.js';
import type { PartitionMetadata, TopicMetadata } from '../metadata.js';
import { minInsyncReplicas } from '../min-insync-replicas.js';
import {
  brokerOf,
  clusterOf,
  partitionIn,
  partitionOf,
  stateAfter,
  topicOf,
} from '../testing/cluster-fixture.js';
import { rebuiltState } from './rebuild.js';

const random = new SeededRandom(1);
/** Members without replicas, enough that they alone are a majority of the members. */
const BYSTANDERS = [6, 7, 8, 9, 10, 11, 12];
const IDS = [0, 1, 2, 3, 4, 5, ...BYSTANDERS];

/** One line of commits, from a partition at rest to the end of its move. */
type Line = readonly ClusterState[];

interface Move {
  readonly from: readonly number[];
  readonly to: readonly number[];
  readonly minInsync: number | undefined;
}

const MOVES: readonly Move[] = [
  { from: [0, 1, 2], to: [3, 4, 5], minInsync: undefined },
  { from: [0, 1, 2], to: [3, 4, 5], minInsync: 1 },
  { from: [0, 1, 2], to: [3, 4, 5], minInsync: 3 },
  { from: [0, 1, 2], to: [0, 1, 3], minInsync: undefined },
  { from: [0, 1, 2], to: [2], minInsync: undefined },
  { from: [0, 1, 2], to: [3], minInsync: 1 },
  { from: [0], to: [0, 1, 2], minInsync: undefined },
  { from: [0], to: [1], minInsync: undefined },
  { from: [0, 1], to: [2, 3, 4], minInsync: 2 },
];

function stateOf(partition: Partial<PartitionMetadata>, minInsync: number | undefined) {
  const configs = minInsync === undefined ? {} : { 'min.insync.replicas': String(minInsync) };
  const brokers = IDS.map((id) => brokerOf(id));
  return clusterOf(brokers, [topicOf('events', [partitionOf(partition)], configs)]);
}

function lineOf({ from, to, minInsync }: Move): Line {
  const asked: Decision = (state) =>
    reassignReplicas(state, { topic: 'events', partition: 0, replicas: to });
  const proceeded: Decision = (state) => advanceReassignments(state, state.version, random);
  const inSync: Decision = (state) => {
    const partition = partitionIn(state, 'events');
    const { replicas, partitionEpoch } = partition;
    const joined = { ...partition, isr: replicas, partitionEpoch: partitionEpoch + 1 };
    const partitions = [{ partition: 0, state: joined }];
    return [{ kind: 'partitions', topic: 'events', topicId: 'id-of-events', partitions }];
  };
  const line = [stateOf({ replicas: from }, minInsync)];
  for (const decide of [asked, proceeded, inSync, proceeded]) {
    const next = stateAfter(line.at(-1) ?? stateOf({}, minInsync), decide);
    if (next !== line.at(-1)) line.push(next);
  }
  expect(partitionIn(line.at(-1) ?? stateOf({}, minInsync), 'events').replicas).toEqual(to);
  return line;
}

/** True when these brokers, which know `state`, are enough for a rebuild. */
function areEnough(state: ClusterState, ids: readonly number[]): boolean {
  const views = ids.map((id) => {
    return { brokerId: id, dataDirUuid: `disk-${id}`, brokerEpoch: id + 1, state };
  });
  const input = { number: 1, views, remains: undefined, givenUp: [], random };
  return rebuiltState(input).kind === 'rebuilt';
}

/** All sets of replicas that could be in sync, and acknowledge, in a state. */
function* acknowledging(state: ClusterState): Iterable<readonly number[]> {
  const topic = topicIn(state);
  const partition = partitionIn(state, 'events');
  const required = minInsyncReplicas(topic, partition);
  for (const ids of subsetsOf(partition.replicas)) if (ids.length >= required) yield ids;
}

function topicIn(state: ClusterState): TopicMetadata {
  const topic = state.topics.get('events');
  if (topic === undefined) throw new Error('the topic is gone');
  return topic;
}

function subsetsOf(ids: readonly number[]): number[][] {
  return ids.reduce<number[][]>((sets, id) => [...sets, ...sets.map((set) => [...set, id])], [[]]);
}

/**
 * Asserts that a rebuild cannot miss an ISR of a later state. An ISR that acknowledged has that
 * state on all its disks, so a rebuild that takes an earlier state as the newest has no member of
 * that ISR; without its members there must not be enough for a rebuild.
 */
function assertNoneMissed(known: ClusterState, later: ClusterState): void {
  for (const isr of acknowledging(later)) {
    const others = IDS.filter((id) => !isr.includes(id));
    expect(areEnough(known, others), `without the ISR ${isr.join(',')}`).toBe(false);
  }
}

describe('a rebuild while a partition moves', () => {
  it.each(MOVES)('from $from to $to with min.insync.replicas $minInsync misses no ISR', (move) => {
    const [, asked, ...later] = lineOf(move);
    expect(asked).toBeDefined();
    if (asked === undefined) return;
    // The steps after the request wait until a majority has the request.
    const line = [asked, ...later];
    for (const [at, known] of line.entries()) {
      // A sole replica is not waited for: no other broker can be elected.
      const { replicas, reassignment } = partitionIn(known, 'events');
      if (replicas.length === 1 && reassignment === undefined) continue;
      for (const state of line.slice(at)) assertNoneMissed(known, state);
    }
  });

  it('would miss an ISR if it counted only the former replicas', () => {
    const [before, , copying] = lineOf({ from: [0, 1, 2], to: [3, 4, 5], minInsync: undefined });
    if (before === undefined || copying === undefined) throw new Error('the line is too short');
    expect(() => assertNoneMissed(before, copying)).toThrow('without the ISR');
  });

  it('needs so many present and target replicas that two absent ones are never missed', () => {
    const [, asked] = lineOf({ from: [0, 1, 2], to: [3, 4, 5], minInsync: undefined });
    if (asked === undefined) throw new Error('the line is too short');
    expect(areEnough(asked, [0, 1, 2, 3, 4, ...BYSTANDERS])).toBe(true);
    expect(areEnough(asked, [0, 1, 2, 3, ...BYSTANDERS])).toBe(false);
  });

  it('keeps a leader in its epoch only when the target replicas take part too', () => {
    const [, asked] = lineOf({ from: [0, 1, 2], to: [3, 4, 5], minInsync: undefined });
    if (asked === undefined) throw new Error('the line is too short');
    const epochAfter = (ids: readonly number[]): number => {
      const views = ids.map((id) => {
        return { brokerId: id, dataDirUuid: `disk-${id}`, brokerEpoch: id + 1, state: asked };
      });
      const outcome = rebuiltState({ number: 1, views, remains: undefined, givenUp: [], random });
      if (outcome.kind === 'waiting') throw new Error(`waits for ${outcome.for}`);
      return partitionIn(outcome.state, 'events').leaderEpoch;
    };
    expect(epochAfter(IDS)).toBe(5);
    expect(epochAfter(IDS.filter((id) => id !== 5))).toBeGreaterThan(5);
  });
});

describe('a rebuild while a lower min.insync.replicas is held', () => {
  const lowered = (to: string): Decision => {
    const change = { name: 'events', topicId: 'id-of-events', addedAssignment: [] };
    const configs = { 'min.insync.replicas': to };
    return (state) => alterTopic(state, { ...change, configs }, random);
  };
  const released: Decision = (state) => releaseMinInsyncHolds(state, state.version);

  it('misses no ISR from the journaled commit on', () => {
    const before = stateOf({}, 2);
    const held = stateAfter(before, lowered('1'));
    const after = stateAfter(held, released);
    expect(minInsyncReplicas(topicIn(held), partitionIn(held, 'events'))).toBe(2);
    expect(minInsyncReplicas(topicIn(after), partitionIn(after, 'events'))).toBe(1);
    assertNoneMissed(held, held);
    assertNoneMissed(held, after);
    assertNoneMissed(after, after);
    // The reason for the hold: a rebuild by the former setting would not wait for a leader that
    // acknowledged alone.
    assertNoneMissed(before, held);
    expect(() => assertNoneMissed(before, after)).toThrow('without the ISR');
  });

  it('misses no ISR when it is lowered again before it is in force', () => {
    const once = stateAfter(stateOf({}, 3), lowered('2'));
    const twice = stateAfter(once, lowered('1'));
    expect(topicIn(twice).minInsyncHold).toEqual({ replicas: 3, version: twice.version });
    expect(releaseMinInsyncHolds(twice, once.version)).toEqual([]);
    assertNoneMissed(once, twice);
    assertNoneMissed(twice, stateAfter(twice, released));
  });
});
