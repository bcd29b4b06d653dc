import { describe, expect, it } from 'vitest';
import { SeededRandom } from '#runtime/testing';
import type { ClusterState } from '../cluster-state.js';
import type { PartitionMetadata } from '../metadata.js';
import {
  brokerOf,
  clusterOf,
  partitionIn,
  partitionOf,
  topicOf,
} from '../testing/cluster-fixture.js';
import {
  countJournaled,
  type RebuildInput,
  rebuildNumberOf,
  rebuiltState,
  VERSIONS_PER_REBUILD,
} from './rebuild.js';
import type { RebuildView } from './registry.js';

/** Leader epochs that one rebuild reserves for elections. */
const EPOCHS = 65_536;
const BROKERS = [brokerOf(0), brokerOf(1), brokerOf(2)];

/** The view of broker `id`, as the registered process. */
function viewOf(id: number, state: ClusterState, fields: Partial<RebuildView> = {}): RebuildView {
  return { brokerId: id, dataDirUuid: `disk-${id}`, brokerEpoch: id + 1, state, ...fields };
}

function stateAt(
  version: number,
  partition: Partial<PartitionMetadata> = {},
  configs = {},
): ClusterState {
  const state = clusterOf(BROKERS, [topicOf('events', [partitionOf(partition)], configs)]);
  return { ...state, version };
}

function rebuild(views: RebuildView[], fields: Partial<RebuildInput> = {}) {
  const random = new SeededRandom(1);
  return rebuiltState({ number: 1, views, remains: undefined, givenUp: [], random, ...fields });
}

function rebuilt(views: RebuildView[], fields: Partial<RebuildInput> = {}): ClusterState {
  const outcome = rebuild(views, fields);
  if (outcome.kind === 'waiting') throw new Error(`waits for ${outcome.for}`);
  return outcome.state;
}

describe('rebuiltState', () => {
  it('uses the newest state, with a version above all earlier ones', () => {
    const older = stateAt(7);
    const newer = stateAt(9, { isr: [0, 1], partitionEpoch: 11 });
    const state = rebuilt([viewOf(0, older), viewOf(1, newer)], { number: 3 });
    expect(rebuildNumberOf(state.version)).toBe(3);
    expect(rebuildNumberOf(state.version - 1)).toBe(2);
    expect(partitionIn(state, 'events').isr).toEqual([0, 1]);
    expect(state.changeId).not.toBe(newer.changeId);
  });

  it("uses the registry's own state when it is the newest, but gives it no vote", () => {
    const remains = stateAt(12, { isr: [0, 2] });
    const views = [viewOf(0, stateAt(9)), viewOf(1, stateAt(9))];
    expect(partitionIn(rebuilt(views, { remains }), 'events').isr).toEqual([0, 2]);
    expect(rebuild(views.slice(0, 1), { remains }).kind).toBe('waiting');
  });

  it('keeps a leader in its epoch when its process and all replicas take part', () => {
    const state = rebuilt([0, 1, 2].map((id) => viewOf(id, stateAt(9))));
    const { partitionEpoch, ...partition } = partitionIn(state, 'events');
    expect(partition).toMatchObject({ leader: 0, leaderEpoch: 5, electionId: 'before' });
    // Earlier ISR proposals are refused.
    expect(partitionEpoch).toBe(11);
  });

  it('elects a new epoch while a replica is absent that may know of a later one', () => {
    const state = rebuilt([viewOf(0, stateAt(9)), viewOf(1, stateAt(9))], { number: 2 });
    const partition = partitionIn(state, 'events');
    expect(partition).toMatchObject({ leader: 0, leaderEpoch: 2 * EPOCHS, isr: [0, 1, 2] });
    expect(partition.electionId).not.toBe('before');
  });

  it('starts above all known epochs when those exceed the range reserved for the rebuild', () => {
    const views = [0, 1].map((id) => viewOf(id, stateAt(9, { leaderEpoch: EPOCHS + 3 })));
    expect(partitionIn(rebuilt(views), 'events').leaderEpoch).toBe(EPOCHS + 4);
  });

  it('elects another in-sync replica when the leader is absent', () => {
    const views = [viewOf(1, stateAt(9)), viewOf(2, stateAt(8, { leaderEpoch: 6 }))];
    const partition = partitionIn(rebuilt(views), 'events');
    expect(partition).toMatchObject({ leader: 1, leaderEpoch: EPOCHS, isr: [0, 1, 2] });
    expect(partition.electionId).not.toBe('before');
  });

  it('elects again when the leader was restarted', () => {
    const views = [viewOf(0, stateAt(9), { brokerEpoch: 0 }), viewOf(1, stateAt(9))];
    expect(partitionIn(rebuilt(views), 'events')).toMatchObject({ leader: 1, leaderEpoch: EPOCHS });
  });

  it('never elects an out-of-sync replica', () => {
    const views = [viewOf(1, stateAt(9, { isr: [0] })), viewOf(2, stateAt(9, { isr: [0] }))];
    expect(partitionIn(rebuilt(views), 'events')).toMatchObject({
      leader: null,
      leaderEpoch: EPOCHS,
      isr: [0],
    });
  });

  it('waits for a majority of the members with their registered disks', () => {
    const state = stateAt(9);
    expect(rebuild([viewOf(0, state)]).kind).toBe('waiting');
    const replaced = viewOf(1, state, { dataDirUuid: 'a new one' });
    expect(rebuild([viewOf(0, state), replaced]).kind).toBe('waiting');
    const stranger = viewOf(7, state);
    expect(rebuild([viewOf(0, state), stranger])).toMatchObject({
      kind: 'waiting',
      for: expect.stringContaining('1, 2'),
    });
  });

  it('waits for one replica of every ISR that could acknowledge', () => {
    const one = { 'min.insync.replicas': '1' };
    const views = [viewOf(0, stateAt(9, {}, one)), viewOf(1, stateAt(9, {}, one))];
    expect(rebuild(views)).toMatchObject({
      kind: 'waiting',
      for: expect.stringContaining('partition 0 of topic "events"'),
    });
    expect(rebuild([...views, viewOf(2, stateAt(8, {}, one))]).kind).toBe('rebuilt');
    // An acknowledgement needed all replicas: any one is enough.
    const three = { 'min.insync.replicas': '3' };
    const any = [viewOf(0, stateAt(9, {}, three)), viewOf(1, stateAt(9, {}, three))];
    expect(rebuild(any).kind).toBe('rebuilt');
  });

  it('does not wait for the broker of a sole replica, as no other can lead', () => {
    const sole = { replicas: [2], leader: 2, isr: [2] };
    const state = rebuilt([viewOf(0, stateAt(9, sole)), viewOf(1, stateAt(9, sole))]);
    expect(partitionIn(state, 'events')).toMatchObject({
      leader: null,
      isr: [2],
      leaderEpoch: EPOCHS,
    });
  });

  it('does not wait for brokers that an operator has excluded', () => {
    const views = [viewOf(0, stateAt(9))];
    expect(rebuild(views, { givenUp: [1] }).kind).toBe('waiting');
    expect(rebuild(views, { givenUp: [1, 2] }).kind).toBe('rebuilt');
    const one = { 'min.insync.replicas': '1' };
    const two = [viewOf(0, stateAt(9, {}, one)), viewOf(1, stateAt(9, {}, one))];
    expect(rebuild(two, { givenUp: [2] }).kind).toBe('rebuilt');
  });

  it('keeps a topic deleted that any participant knows as deleted', () => {
    const deleted = { name: 'events', id: 'id-of-events' };
    const older = { ...clusterOf(BROKERS), version: 8 };
    const withTombstone = { ...older, deletedTopics: new Map([[deleted.id, deleted]]) };
    const state = rebuilt([viewOf(0, stateAt(9)), viewOf(1, withTombstone)]);
    expect(state.topics.size).toBe(0);
    expect([...state.deletedTopics.values()]).toEqual([deleted]);
  });

  it('reports brokers that were alive and are absent', () => {
    const views = [viewOf(0, stateAt(9)), viewOf(1, stateAt(9))];
    expect(rebuild(views)).toMatchObject({ kind: 'rebuilt', absent: [2] });
    expect(rebuild(views, { givenUp: [2] })).toMatchObject({ absent: [] });
  });

  it('marks participants alive and keeps the known status of the others', () => {
    const state = stateAt(9);
    const dead = new Map(state.brokers)
      .set(0, brokerOf(0, { alive: false }))
      .set(2, brokerOf(2, { alive: false }));
    const before = { ...state, brokers: dead };
    const { brokers } = rebuilt([viewOf(0, before), viewOf(1, before)]);
    expect(Array.from(brokers.values(), ({ alive }) => alive)).toEqual([true, true, false]);
  });
});

describe('the number of disks that have a commit', () => {
  const commit = 2 * VERSIONS_PER_REBUILD + 5;

  it('counts newer versions, and none of an earlier rebuild', () => {
    const onDisk = [commit - 1, commit, commit + 7, VERSIONS_PER_REBUILD + 9];
    expect(countJournaled(commit, commit, onDisk)).toBe(2);
  });

  it.each([
    ['the asking broker', 3 * VERSIONS_PER_REBUILD, [commit]],
    ['another broker', commit, [commit, 3 * VERSIONS_PER_REBUILD]],
  ])('is not known once %s has a later rebuild', (_, known, onDisk) => {
    expect(() => countJournaled(commit, known, onDisk)).toThrow(
      expect.objectContaining({ code: 'BROKER_NOT_AVAILABLE', outcome: 'unknown' }),
    );
  });
});
