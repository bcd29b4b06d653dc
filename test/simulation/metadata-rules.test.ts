import { expect, it } from 'vitest';
import type { ClusterState, PartitionMetadata } from '#coordination';
import {
  brokerOf,
  clusterOf,
  partitionOf,
  topicOf,
} from '../../libs/coordination/src/testing/cluster-fixture.js';
import { World } from './world.js';

const VERSIONS_PER_REBUILD = 2 ** 32;

it('accepts an epoch again whose first election Redis lost before a replica had it on disk', () => {
  const { world, first, lost, rebuilt, again } = electedTwice();
  world.metadata.learned(0, first);
  world.metadata.changed(first, lost, true);
  world.metadata.changed(lost, rebuilt, false);
  world.metadata.learned(0, rebuilt);
  world.metadata.changed(rebuilt, again, true);
  for (const brokerId of [0, 1]) world.metadata.learned(brokerId, again);
  expect(world.violations).toEqual([]);
  expect(world.metadata.isSoleElection('id-of-orders', 0, 1)).toBe(true);
  world.end();
});

it('reports an epoch of which replicas have had two elections on their disks', () => {
  const { world, first, lost, rebuilt, again } = electedTwice();
  world.metadata.changed(first, lost, true);
  world.metadata.learned(1, lost);
  world.metadata.changed(lost, rebuilt, false);
  world.metadata.changed(rebuilt, again, true);
  world.metadata.learned(0, again);
  expect(world.violations).toEqual(['I11: epoch 1 of orders-0 has two elections']);
  expect(world.metadata.isSoleElection('id-of-orders', 0, 1)).toBe(false);
  world.end();
});

/** The states of a partition of which Redis loses an election, which is then held again. */
function electedTwice() {
  const world = new World({ seed: 1 });
  const kept = { leader: 0, leaderEpoch: 0, electionId: 'kept' };
  const elected = { leader: 1, leaderEpoch: 1 };
  const first = stateOf(1, { ...kept, partitionEpoch: 0 });
  const lost = stateOf(2, { ...elected, electionId: 'lost', partitionEpoch: 1 });
  const rebuilt = stateOf(VERSIONS_PER_REBUILD, { ...kept, partitionEpoch: 1 });
  const again = stateOf(VERSIONS_PER_REBUILD + 1, {
    ...elected,
    electionId: 'again',
    partitionEpoch: 2,
  });
  world.metadata.changed(world.metadata.state, first, false);
  return { world, first, lost, rebuilt, again };
}

function stateOf(version: number, partition: Partial<PartitionMetadata>): ClusterState {
  const brokers = [0, 1, 2].map((id) => brokerOf(id));
  const state = clusterOf(brokers, [topicOf('orders', [partitionOf(partition)])]);
  return { ...state, version, changeId: `change-${version}` };
}
