import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assertNever } from '#runtime';
import { SeededRandom } from '#runtime/testing';
import type { ClusterState } from '../cluster-state.js';
import type { Decision } from '../coordination-store.js';
import type { PartitionMetadata } from '../metadata.js';
import {
  brokerOf,
  clusterOf,
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
import { proposeIsr } from './isr.js';
import { registerBroker } from './registration.js';

const BROKERS = [0, 1, 2];
const broker = fc.constantFrom(...BROKERS);

/** An event that may happen next. */
const step = fc.oneof(
  fc.record({ kind: fc.constant('dies' as const), broker }),
  fc.record({ kind: fc.constant('stops' as const), broker }),
  fc.record({ kind: fc.constant('restarts' as const), broker }),
  fc.record({ kind: fc.constant('returns empty' as const), broker }),
  fc.record({ kind: fc.constant('proposes' as const), broker, isr: fc.subarray(BROKERS) }),
  fc.record({ kind: fc.constant('is elected uncleanly' as const), broker }),
  fc.record({ kind: fc.constant('balance' as const), broker }),
  fc.record({ kind: fc.constant('elect' as const), broker }),
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

describe('any history of decisions', () => {
  it('keeps the rules of leaders, ISRs and epochs', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), fc.integer(), (steps, seed) => {
        const random = new SeededRandom(seed);
        const partitions = [partitionOf(), partitionOf({ replicas: [2, 0] })];
        let state = clusterOf(
          BROKERS.map((id) => brokerOf(id)),
          [topicOf('events', partitions)],
        );
        for (const [number, one] of steps.entries()) {
          const before = state;
          state = stateAfter(state, decisionOf(one, before, number, random));
          assertBrokerEpochs(before, state);
          for (const [partition, after] of partitionsOf(state).entries()) {
            const earlier = partitionsOf(before)[partition];
            if (earlier !== undefined) assertStep(earlier, after, one);
            assertState(after, state);
          }
        }
      }),
      { numRuns: 2000 },
    );
  });
});

function decisionOf(
  { kind, broker: id, ...rest }: Step,
  before: ClusterState,
  number: number,
  random: SeededRandom,
): Decision {
  const brokerEpoch = before.brokers.get(id)?.brokerEpoch ?? 0;
  const dataDirUuid = before.brokers.get(id)?.dataDirUuid ?? '';
  const registrant = { id, url: null, clusterUrl: null, rack: null, dataDirUuid };
  switch (kind) {
    case 'dies':
      return (state) => brokerDied(state, { id, brokerEpoch }, random);
    case 'stops':
      return (state) => controlledShutdown(state, { id, brokerEpoch }, random);
    case 'restarts':
      return (state) => registerBroker(state, registrant, random);
    case 'returns empty': {
      const empty = { dataDirUuid: `disk of step ${number}`, expiredBrokerEpoch: brokerEpoch };
      return (state) => registerBroker(state, { ...registrant, ...empty }, random);
    }
    case 'proposes':
      return (state) => proposeIsr(state, id, proposalsOf(state, 'isr' in rest ? rest.isr : []));
    case 'is elected uncleanly':
      return (state) => {
        const isReplica = partitionsOf(state)[0]?.replicas.includes(id) === true;
        if (!isReplica || state.brokers.get(id)?.alive !== true) return [];
        return electUncleanly(state, { topic: 'events', partition: 0, replica: id }, random);
      };
    case 'balance':
      return (state) => electPreferredLeaders(state, undefined, random);
    case 'elect':
      return (state) => electLeaders(state, random);
    default:
      return assertNever(kind, 'step');
  }
}

function proposalsOf(state: ClusterState, ids: readonly number[]) {
  const isr = ids.map((id) => ({ id, brokerEpoch: state.brokers.get(id)?.brokerEpoch ?? null }));
  return partitionsOf(state).map(({ leaderEpoch, partitionEpoch }, partition) => {
    const epochs = { leaderEpoch, partitionEpoch };
    return { topic: 'events', topicId: 'id-of-events', partition, isr, ...epochs };
  });
}

function assertState({ leader, isr, replicas }: PartitionMetadata, state: ClusterState): void {
  expect(replicas).toEqual(expect.arrayContaining([...isr]));
  if (leader === null) return;
  expect(isr).toContain(leader);
  expect(state.brokers.get(leader)?.alive).toBe(true);
}

function assertStep(
  before: PartitionMetadata,
  after: PartitionMetadata,
  { kind, broker: id }: Step,
) {
  if (after === before) {
    // No process leads in an epoch that was granted to an earlier process.
    if (kind === 'restarts' || kind === 'returns empty') expect(before.leader).not.toBe(id);
    return;
  }
  expect(after.partitionEpoch).toBe(before.partitionEpoch + 1);
  const isElection = after.leaderEpoch !== before.leaderEpoch;
  if (isElection) {
    expect(after.leaderEpoch).toBe(before.leaderEpoch + 1);
    expect(after.electionId).not.toBe(before.electionId);
  } else {
    expect(after.leader).toBe(before.leader);
    expect(after.electionId).toBe(before.electionId);
  }
  // A replica that was not in sync leads only after an unclean election by an operator.
  if (kind === 'is elected uncleanly') return;
  if (after.leader !== null) expect(before.isr).toContain(after.leader);
  if (kind === 'returns empty') expect(after.isr).not.toContain(id);
  else expect(after.isr.length).toBeGreaterThan(before.isr.length > 0 ? 0 : -1);
}

function assertBrokerEpochs(before: ClusterState, after: ClusterState): void {
  const highest = Math.max(...Array.from(before.brokers.values(), (one) => one.brokerEpoch));
  for (const one of after.brokers.values()) {
    const earlier = before.brokers.get(one.id);
    if (earlier?.brokerEpoch !== one.brokerEpoch) expect(one.brokerEpoch).toBeGreaterThan(highest);
  }
}

function partitionsOf(state: ClusterState): readonly PartitionMetadata[] {
  return state.topics.get('events')?.partitions ?? [];
}
