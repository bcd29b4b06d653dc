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
  BrokerIdTakenError,
  ForeignBrokerError,
  type Registrant,
  registerBroker,
} from './registration.js';

const random = new SeededRandom(1);

function registrantOf(id: number, fields: Partial<Registrant> = {}): Registrant {
  return { id, url: null, clusterUrl: null, rack: null, dataDirUuid: `disk-${id}`, ...fields };
}

function register(state: ClusterState, id: number, fields: Partial<Registrant> = {}) {
  return stateAfter(state, (before) => registerBroker(before, registrantOf(id, fields), random));
}

/** Brokers 0, 1 and 2, alive except those in `dead`, and a topic of one partition. */
function clusterWith(
  partition: Partial<PartitionMetadata>,
  { dead = [] as number[], configs = {} } = {},
): ClusterState {
  const brokers = [0, 1, 2].map((id) => brokerOf(id, { alive: !dead.includes(id) }));
  return clusterOf(brokers, [topicOf('events', [partitionOf(partition)], configs)]);
}

describe('registerBroker', () => {
  it('assigns a broker epoch above all that were assigned to any id', () => {
    const first = register(clusterOf([]), 0);
    const second = register(first, 1);
    const again = register(second, 0);
    expect(first.brokers.get(0)).toEqual(
      brokerOf(0, { brokerEpoch: 101, url: null, clusterUrl: null }),
    );
    expect(second.brokers.get(1)?.brokerEpoch).toBe(102);
    expect(again.brokers.get(0)?.brokerEpoch).toBe(103);
  });

  it('replaces the feature level of the version that ran before', () => {
    const upgraded = register(register(clusterOf([]), 0), 0, { featureLevel: 1 });
    expect(upgraded.brokers.get(0)?.featureLevel).toBe(1);
    expect(register(upgraded, 0).brokers.get(0)?.featureLevel).toBeUndefined();
  });

  it('elects another in-sync replica for partitions of an earlier process, in a new epoch', () => {
    const state = register(clusterWith({}), 0);
    const { electionId, ...partition } = partitionIn(state, 'events');
    expect(partition).toMatchObject({ leader: 1, leaderEpoch: 6, partitionEpoch: 11 });
    expect(partition.isr).toEqual([0, 1, 2]);
    expect(electionId).not.toBe('before');
  });

  it('raises the leader epoch even when no other replica can lead', () => {
    const alone = register(clusterWith({ isr: [0] }), 0);
    expect(partitionIn(alone, 'events')).toMatchObject({ leader: 0, leaderEpoch: 6, isr: [0] });
    const othersDead = register(clusterWith({}, { dead: [1, 2] }), 0);
    expect(partitionIn(othersDead, 'events')).toMatchObject({ leader: 0, leaderEpoch: 6 });
  });

  it('leads partitions at once that waited for it without a leader', () => {
    const before = clusterWith({ leader: null, isr: [1] }, { dead: [1] });
    expect(partitionIn(register(before, 1), 'events')).toMatchObject({ leader: 1, leaderEpoch: 6 });
  });

  it('does not change a partition that another broker leads', () => {
    const before = clusterWith({ leader: 1 });
    expect(partitionIn(register(before, 0), 'events')).toBe(partitionIn(before, 'events'));
  });

  it('removes a replaced disk from every ISR before it can be elected', () => {
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

  it('leaves the ISR empty where the replaced disk was its last member', () => {
    const before = clusterWith({ leader: null, isr: [0] }, { dead: [0] });
    const state = register(before, 0, { dataDirUuid: 'new disk' });
    expect(partitionIn(state, 'events')).toMatchObject({ leader: null, isr: [] });
  });

  it('elects another replica where the topic allows unclean elections', () => {
    const configs = { 'unclean.leader.election.enable': 'true' };
    const before = clusterWith({ leader: null, isr: [0] }, { dead: [0], configs });
    const state = register(before, 0, { dataDirUuid: 'new disk' });
    expect(partitionIn(state, 'events')).toMatchObject({ leader: 1, isr: [1] });
  });

  it('keeps a replaced disk in the ISR of a partition whose log was never created', () => {
    const before = clusterWith({ leader: null, isr: [0], isNew: true }, { dead: [0] });
    const state = register(before, 0, { dataDirUuid: 'new disk' });
    expect(partitionIn(state, 'events')).toMatchObject({ leader: 0, isr: [0] });
  });

  it('refuses another disk until the lease of the present one was seen to expire', () => {
    const before = clusterWith({});
    expect(() => register(before, 1, { dataDirUuid: 'other' })).toThrow(BrokerIdTakenError);
    const wrong = { dataDirUuid: 'other', expiredBrokerEpoch: 1 };
    expect(() => register(before, 1, wrong)).toThrow(BrokerIdTakenError);
    const right = { dataDirUuid: 'other', expiredBrokerEpoch: 2 };
    expect(register(before, 1, right).brokers.get(1)?.dataDirUuid).toBe('other');
  });

  it('refuses a process that a live broker does not recognise, whatever dead ones say', () => {
    const before = clusterWith({}, { dead: [0] });
    const securityFault = ({ id }: { readonly id: number }) => `Broker ${id} has another secret.`;
    const error = new ForeignBrokerError(1, 2, 'Broker 1 has another secret.');
    expect(() => register(before, 3, { securityFault })).toThrow(error);
    const silentBrokerEpochs = new Set([2, 3]);
    const state = register(before, 3, { securityFault, silentBrokerEpochs });
    expect(state.brokers.get(3)?.alive).toBe(true);
  });

  it('records by what others recognise the process', () => {
    const security = { proofs: 'proofs', agreement: 'on' };
    const state = register(clusterWith({}), 3, { security });
    expect(state.brokers.get(3)?.security).toEqual(security);
    expect(register(state, 3).brokers.get(3)?.security).toBeUndefined();
  });

  it('removes a broker that may lack records from ISRs with another member', () => {
    const state = register(clusterWith({}), 0, { mayLackRecords: true });
    expect(partitionIn(state, 'events')).toMatchObject({ leader: 1, isr: [1, 2] });
    const alone = register(clusterWith({ isr: [0] }), 0, { mayLackRecords: true });
    expect(partitionIn(alone, 'events')).toMatchObject({ leader: 0, leaderEpoch: 6, isr: [0] });
  });
});
