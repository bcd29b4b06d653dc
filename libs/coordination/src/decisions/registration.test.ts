import { describe, expect, it } from 'vitest';
import { SeededRandom } from '#runtime/testing';
import type { ClusterState } from '../cluster-state.js';
import type { PartitionMetadata } from '../metadata.js';
import {
  brokerOf,
  clusterOf,
  decided,
  partitionIn,
  partitionOf,
  topicOf,
} from '../testing/cluster-fixture.js';
import {
  BrokerIdTakenError,
  type Registrant,
  registerBroker,
  removeBroker,
} from './registration.js';

const random = new SeededRandom(1);

function registrantOf(id: number, fields: Partial<Registrant> = {}): Registrant {
  return { id, url: null, clusterUrl: null, rack: null, dataDirUuid: `disk-${id}`, ...fields };
}

function register(state: ClusterState, id: number, fields: Partial<Registrant> = {}) {
  return decided(state, (before) => registerBroker(before, registrantOf(id, fields), random));
}

/** Brokers 0, 1 and 2 alive, save those in `dead`, and a topic of one partition. */
function clusterWith(
  partition: Partial<PartitionMetadata>,
  { dead = [] as number[], configs = {} } = {},
): ClusterState {
  const brokers = [0, 1, 2].map((id) => brokerOf(id, { alive: !dead.includes(id) }));
  return clusterOf(brokers, [topicOf('events', [partitionOf(partition)], configs)]);
}

describe('registerBroker', () => {
  it('gives a broker epoch above all that were given, whatever the id', () => {
    const first = register(clusterOf([]), 0);
    const second = register(first, 1);
    const again = register(second, 0);
    expect(first.brokers.get(0)).toEqual(
      brokerOf(0, { brokerEpoch: 101, url: null, clusterUrl: null }),
    );
    expect(second.brokers.get(1)?.brokerEpoch).toBe(102);
    expect(again.brokers.get(0)?.brokerEpoch).toBe(103);
  });

  it('hands what an earlier process led to another replica in sync, in a new epoch', () => {
    const state = register(clusterWith({}), 0);
    const { electionId, ...partition } = partitionIn(state, 'events');
    expect(partition).toMatchObject({ leader: 1, leaderEpoch: 6, partitionEpoch: 11 });
    expect(partition.isr).toEqual([0, 1, 2]);
    expect(electionId).not.toBe('before');
  });

  it('raises the leader epoch also where nobody else can lead', () => {
    const alone = register(clusterWith({ isr: [0] }), 0);
    expect(partitionIn(alone, 'events')).toMatchObject({ leader: 0, leaderEpoch: 6, isr: [0] });
    const othersDead = register(clusterWith({}, { dead: [1, 2] }), 0);
    expect(partitionIn(othersDead, 'events')).toMatchObject({ leader: 0, leaderEpoch: 6 });
  });

  it('leads at once what had no leader and waited for it', () => {
    const before = clusterWith({ leader: null, isr: [1] }, { dead: [1] });
    expect(partitionIn(register(before, 1), 'events')).toMatchObject({ leader: 1, leaderEpoch: 6 });
  });

  it('leaves a partition alone that another broker leads', () => {
    const before = clusterWith({ leader: 1 });
    expect(partitionIn(register(before, 0), 'events')).toBe(partitionIn(before, 'events'));
  });

  it('takes a replaced disk out of every ISR before anybody can elect it', () => {
    const before = clusterWith({}, { dead: [0] });
    const state = register(before, 0, { dataDirUuid: 'new disk' });
    expect(state.brokers.get(0)).toMatchObject({ dataDirUuid: 'new disk', alive: true });
    expect(partitionIn(state, 'events')).toMatchObject({
      leader: 1,
      leaderEpoch: 6,
      isr: [1, 2],
      partitionEpoch: 11,
    });
  });

  it('leaves no replica in sync where the replaced disk was the last that was', () => {
    const before = clusterWith({ leader: null, isr: [0] }, { dead: [0] });
    const state = register(before, 0, { dataDirUuid: 'new disk' });
    expect(partitionIn(state, 'events')).toMatchObject({ leader: null, isr: [] });
  });

  it('has another replica lead instead, where the topic prefers that to waiting', () => {
    const configs = { 'unclean.leader.election.enable': 'true' };
    const before = clusterWith({ leader: null, isr: [0] }, { dead: [0], configs });
    const state = register(before, 0, { dataDirUuid: 'new disk' });
    expect(partitionIn(state, 'events')).toMatchObject({ leader: 1, isr: [1] });
  });

  it('keeps a replaced disk in sync with a partition whose log nobody has made yet', () => {
    const before = clusterWith({ leader: null, isr: [0], isNew: true }, { dead: [0] });
    const state = register(before, 0, { dataDirUuid: 'new disk' });
    expect(partitionIn(state, 'events')).toMatchObject({ leader: 0, isr: [0] });
  });

  it('refuses another disk while the id may be alive, until its lease was seen to run out', () => {
    const before = clusterWith({});
    expect(() => register(before, 1, { dataDirUuid: 'other' })).toThrow(BrokerIdTakenError);
    const wrong = { dataDirUuid: 'other', expiredBrokerEpoch: 1 };
    expect(() => register(before, 1, wrong)).toThrow(BrokerIdTakenError);
    const right = { dataDirUuid: 'other', expiredBrokerEpoch: 2 };
    expect(register(before, 1, right).brokers.get(1)?.dataDirUuid).toBe('other');
  });

  it('takes a broker that may lack records out of the ISRs that have another member', () => {
    const state = register(clusterWith({}), 0, { mayLackRecords: true });
    expect(partitionIn(state, 'events')).toMatchObject({ leader: 1, isr: [1, 2] });
    const alone = register(clusterWith({ isr: [0] }), 0, { mayLackRecords: true });
    expect(partitionIn(alone, 'events')).toMatchObject({ leader: 0, leaderEpoch: 6, isr: [0] });
  });
});

describe('removeBroker', () => {
  it('removes a dead broker that keeps no replica', () => {
    const before = clusterOf([brokerOf(0), brokerOf(7, { alive: false })]);
    expect([...decided(before, (now) => removeBroker(now, 7)).brokers.keys()]).toEqual([0]);
    expect(removeBroker(before, 9)).toEqual([]);
  });

  it('refuses one that is alive, and one that keeps a replica', () => {
    expect(() => removeBroker(clusterWith({}), 1)).toThrow(/is alive/);
    expect(() => removeBroker(clusterWith({}, { dead: [1] }), 1)).toThrow(/keeps replicas/);
  });
});
