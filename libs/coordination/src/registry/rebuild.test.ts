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
import { type RebuildInput, rebuildNumberOf, rebuiltState } from './rebuild.js';
import type { RebuildView } from './registry.js';

/** Leader epochs that one rebuild leaves for elections. */
const EPOCHS = 65_536;
const BROKERS = [brokerOf(0), brokerOf(1), brokerOf(2)];

/** What broker `id` brings, as the process that is registered. */
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
  it('takes the newest state, and gives it a version above all before it', () => {
    const older = stateAt(7);
    const newer = stateAt(9, { isr: [0, 1], partitionEpoch: 11 });
    const state = rebuilt([viewOf(0, older), viewOf(1, newer)], { number: 3 });
    expect(rebuildNumberOf(state.version)).toBe(3);
    expect(rebuildNumberOf(state.version - 1)).toBe(2);
    expect(partitionIn(state, 'events').isr).toEqual([0, 1]);
    expect(state.changeId).not.toBe(newer.changeId);
  });

  it("takes the registry's own state when it is newer than all, but does not count it", () => {
    const remains = stateAt(12, { isr: [0, 2] });
    const views = [viewOf(0, stateAt(9)), viewOf(1, stateAt(9))];
    expect(partitionIn(rebuilt(views, { remains }), 'events').isr).toEqual([0, 2]);
    expect(rebuild(views.slice(0, 1), { remains }).kind).toBe('waiting');
  });

  it('has a leader go on in its epoch whose process is there, when all replicas are', () => {
    const state = rebuilt([0, 1, 2].map((id) => viewOf(id, stateAt(9))));
    const { partitionEpoch, ...partition } = partitionIn(state, 'events');
    expect(partition).toMatchObject({ leader: 0, leaderEpoch: 5, electionId: 'before' });
    // What was proposed before is not taken any more.
    expect(partitionEpoch).toBe(11);
  });

  it('elects a leader anew while a replica is absent that may know of a later epoch', () => {
    const state = rebuilt([viewOf(0, stateAt(9)), viewOf(1, stateAt(9))], { number: 2 });
    const partition = partitionIn(state, 'events');
    expect(partition).toMatchObject({ leader: 0, leaderEpoch: 2 * EPOCHS, isr: [0, 1, 2] });
    expect(partition.electionId).not.toBe('before');
  });

  it('begins above all epochs known where those are above what is left for the rebuild', () => {
    const views = [0, 1].map((id) => viewOf(id, stateAt(9, { leaderEpoch: EPOCHS + 3 })));
    expect(partitionIn(rebuilt(views), 'events').leaderEpoch).toBe(EPOCHS + 4);
  });

  it('elects another replica in sync where the leader is not there', () => {
    const views = [viewOf(1, stateAt(9)), viewOf(2, stateAt(8, { leaderEpoch: 6 }))];
    const partition = partitionIn(rebuilt(views), 'events');
    expect(partition).toMatchObject({ leader: 1, leaderEpoch: EPOCHS, isr: [0, 1, 2] });
    expect(partition.electionId).not.toBe('before');
  });

  it('elects anew where the leader was started again', () => {
    const views = [viewOf(0, stateAt(9), { brokerEpoch: 0 }), viewOf(1, stateAt(9))];
    expect(partitionIn(rebuilt(views), 'events')).toMatchObject({ leader: 1, leaderEpoch: EPOCHS });
  });

  it('never elects who is not in sync', () => {
    const views = [viewOf(1, stateAt(9, { isr: [0] })), viewOf(2, stateAt(9, { isr: [0] }))];
    expect(partitionIn(rebuilt(views), 'events')).toMatchObject({
      leader: null,
      leaderEpoch: EPOCHS,
      isr: [0],
    });
  });

  it('waits for a majority of the members, none of them with another disk', () => {
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

  it('waits for so many replicas that every ISR that could acknowledge has one', () => {
    const one = { 'min.insync.replicas': '1' };
    const views = [viewOf(0, stateAt(9, {}, one)), viewOf(1, stateAt(9, {}, one))];
    expect(rebuild(views)).toMatchObject({
      kind: 'waiting',
      for: expect.stringContaining('partition 0 of topic "events"'),
    });
    expect(rebuild([...views, viewOf(2, stateAt(8, {}, one))]).kind).toBe('rebuilt');
    // All must have acknowledged: any one will do.
    const three = { 'min.insync.replicas': '3' };
    const any = [viewOf(0, stateAt(9, {}, three)), viewOf(1, stateAt(9, {}, three))];
    expect(rebuild(any).kind).toBe('rebuilt');
  });

  it('does not wait for the broker of a sole replica: nobody else can lead it', () => {
    const sole = { replicas: [2], leader: 2, isr: [2] };
    const state = rebuilt([viewOf(0, stateAt(9, sole)), viewOf(1, stateAt(9, sole))]);
    expect(partitionIn(state, 'events')).toMatchObject({
      leader: null,
      isr: [2],
      leaderEpoch: EPOCHS,
    });
  });

  it('does not wait for brokers that an operator has given up', () => {
    const views = [viewOf(0, stateAt(9))];
    expect(rebuild(views, { givenUp: [1] }).kind).toBe('waiting');
    expect(rebuild(views, { givenUp: [1, 2] }).kind).toBe('rebuilt');
    const one = { 'min.insync.replicas': '1' };
    const two = [viewOf(0, stateAt(9, {}, one)), viewOf(1, stateAt(9, {}, one))];
    expect(rebuild(two, { givenUp: [2] }).kind).toBe('rebuilt');
  });

  it('keeps a topic deleted that anybody knows to be', () => {
    const deleted = { name: 'events', id: 'id-of-events' };
    const older = { ...clusterOf(BROKERS), version: 8 };
    const withTombstone = { ...older, deletedTopics: new Map([[deleted.id, deleted]]) };
    const state = rebuilt([viewOf(0, stateAt(9)), viewOf(1, withTombstone)]);
    expect(state.topics.size).toBe(0);
    expect([...state.deletedTopics.values()]).toEqual([deleted]);
  });

  it('says who was alive and has not come', () => {
    const views = [viewOf(0, stateAt(9)), viewOf(1, stateAt(9))];
    expect(rebuild(views)).toMatchObject({ kind: 'rebuilt', absent: [2] });
    expect(rebuild(views, { givenUp: [2] })).toMatchObject({ absent: [] });
  });

  it('takes who has come for alive, and of the others what was known', () => {
    const state = stateAt(9);
    const dead = new Map(state.brokers)
      .set(0, brokerOf(0, { alive: false }))
      .set(2, brokerOf(2, { alive: false }));
    const before = { ...state, brokers: dead };
    const { brokers } = rebuilt([viewOf(0, before), viewOf(1, before)]);
    expect(Array.from(brokers.values(), ({ alive }) => alive)).toEqual([true, true, false]);
  });
});
