/**
 * Compares the decisions of the model about metadata with those of the product: in every state
 * within small bounds, each decision of the product is one of the model's.
 */
import { describe, expect, it } from 'vitest';
import {
  advanceReassignments,
  brokerDied,
  proposeIsr,
  reassignReplicas,
  registerBroker,
} from '#coordination';
import { SeededRandom } from '#runtime/testing';
import { applyChanges, type ClusterState } from '../../libs/coordination/src/cluster-state.js';
import { rebuiltState } from '../../libs/coordination/src/registry/rebuild.js';
import {
  brokerOf,
  clusterOf,
  partitionIn,
  partitionOf,
  topicOf,
} from '../../libs/coordination/src/testing/cluster-fixture.js';
import {
  type BrokerSet,
  brokerAt,
  type Cluster,
  type Configuration,
  EPOCHS_PER_REBUILD,
  has,
  headOf,
  idsOf,
  type Metadata,
  NOBODY,
  type PartitionState,
  VERSIONS_PER_REBUILD,
} from './cluster.js';
import { explore } from './explorer.js';
import { ALL_FENCES } from './fences.js';
import { deathStepsOf, proposalSteps, type Rules, registrationStepsOf } from './metadata-steps.js';
import { movingSteps, requestSteps } from './move-steps.js';
import { rebuildStepsBy } from './rebuild-steps.js';
import { replicationModel } from './replication-model.js';

const STATES = process.env['SLUICE_MODEL'] === 'deep' ? 20_000 : 1500;
const TOPIC = 'events';
const VERSIONS = 2 ** 32;
const EPOCHS = 2 ** 16;

const CONFIGURATIONS: Configuration[] = [
  {
    brokers: 3,
    minInsyncReplicas: 2,
    budget: { crashes: 1, disksLost: 1, deaths: 2, isrShrinks: 1, isrGrowths: 1, rollbacks: 1 },
  },
  {
    brokers: 3,
    minInsyncReplicas: 1,
    budget: { crashes: 1, deaths: 2, isrShrinks: 1, rollbacks: 1, wipes: 1 },
  },
];

/** Moves of a partition from one or two replicas to others. */
const MOVES: Configuration[] = [
  {
    brokers: 3,
    replicas: [0, 1],
    minInsyncReplicas: 2,
    budget: { moves: 1, deaths: 1, isrShrinks: 1, isrGrowths: 1, rollbacks: 1 },
  },
  {
    brokers: 3,
    replicas: [0],
    minInsyncReplicas: 1,
    budget: { moves: 2, isrGrowths: 2, rollbacks: 1 },
  },
];

describe.each(CONFIGURATIONS)('min.insync.replicas $minInsyncReplicas', (configuration) => {
  const rules: Rules = { fences: ALL_FENCES };

  it('registers, declares dead and changes ISRs as the model does', () => {
    const checked = everywhere(configuration, STATES, (cluster) => {
      const head = headOf(cluster.redis);
      if (head === null || !cluster.redis.isConfirmed) return 0;
      return (
        checkRegistrations(cluster, head, rules) +
        checkDeaths(cluster, head) +
        checkProposals(cluster, head, rules)
      );
    });
    expect(checked).toBeGreaterThan(STATES);
  }, 600_000);

  it('rebuilds as the model does', () => {
    const checked = everywhere(configuration, STATES, (cluster) => {
      return cluster.redis.isConfirmed ? 0 : checkRebuilds(cluster, rules);
    });
    expect(checked).toBeGreaterThan(STATES / 10);
  }, 600_000);
});

describe.each(MOVES)('a partition of $replicas', (configuration) => {
  const rules: Rules = { fences: ALL_FENCES };

  it('moves as the model does', () => {
    const checked = everywhere(configuration, STATES, (cluster) => {
      const head = headOf(cluster.redis);
      return head === null || !cluster.redis.isConfirmed ? 0 : checkMoves(cluster, head, rules);
    });
    expect(checked).toBeGreaterThan(STATES / 10);
  }, 600_000);

  it('is rebuilt as the model does', () => {
    const checked = everywhere(configuration, STATES, (cluster) => {
      return cluster.redis.isConfirmed ? 0 : checkRebuilds(cluster, rules);
    });
    expect(checked).toBeGreaterThan(STATES / 10);
  }, 600_000);
});

/** @returns the sum of the counts that `check` returns in the first states */
function everywhere(
  configuration: Configuration,
  states: number,
  check: (cluster: Cluster) => number,
): number {
  const model = replicationModel(configuration, ALL_FENCES);
  const seen = new Set<string>();
  let checked = 0;
  const violation = (cluster: Cluster): null => {
    const key = decisionInputs(cluster);
    if (!seen.has(key)) checked += check(cluster);
    seen.add(key);
    return null;
  };
  explore({ ...model, violation }, states);
  return checked;
}

/**
 * The parts of a state that decisions read: states that differ otherwise need not be checked again.
 */
function decisionInputs({ brokers, redis }: Cluster): string {
  return JSON.stringify([
    contentOf(headOf(redis)),
    redis.isConfirmed,
    brokers.map(({ disk, journal, promised, brokerEpoch, known, progress, proposedIsr }) => [
      [disk, promised, brokerEpoch, proposedIsr],
      [contentOf(journal), known?.changeId],
      progress.map((seen) => seen?.brokerEpoch),
    ]),
  ]);
}

function contentOf(metadata: Metadata | null) {
  return metadata === null ? null : { ...metadata, hashes: [] };
}

function checkRegistrations(cluster: Cluster, head: Metadata, rules: Rules): number {
  for (const [id, { disk }] of cluster.brokers.entries()) {
    const before = stateOf(head);
    const registrant = {
      ...brokerOf(id),
      dataDirUuid: diskName(id, disk),
      expiredBrokerEpoch: head.brokerEpochs[id] ?? 0,
    };
    const changes = registerBroker(before, registrant, new SeededRandom(1));
    const steps = registrationStepsOf(cluster, id, head, rules);
    expect(described(steps.map(({ state }) => headOf(state.redis)))).toContain(
      outcome(head, applyChanges(before, changes)),
    );
  }
  return cluster.brokers.length;
}

function checkDeaths(cluster: Cluster, head: Metadata): number {
  const alive = idsOf(head.alive);
  for (const id of alive) {
    const before = stateOf(head);
    const process = { id, brokerEpoch: head.brokerEpochs[id] ?? 0 };
    const changes = brokerDied(before, process, new SeededRandom(1));
    const steps = deathStepsOf(cluster, id, head);
    expect(described(steps.map(({ state }) => headOf(state.redis)))).toContain(
      outcome(head, applyChanges(before, changes)),
    );
  }
  return alive.length;
}

function checkMoves(cluster: Cluster, head: Metadata, rules: Rules): number {
  const before = stateOf(head);
  if (head.move === null) {
    const steps = requestSteps(cluster, head);
    for (const { state } of steps) {
      const to = idsOf(headOf(state.redis)?.move?.to ?? 0);
      // The product refuses to copy to a dead broker.
      if (to.some((id) => !has(head.alive | head.replicas, id))) continue;
      const changes = reassignReplicas(before, { topic: TOPIC, partition: 0, replicas: to });
      expect(described([headOf(state.redis)])).toContain(
        outcome(head, applyChanges(before, changes)),
      );
    }
    return steps.length;
  }
  const version = scaled(head.move.version, VERSIONS_PER_REBUILD, VERSIONS);
  expect(advanceReassignments(before, version - 1, new SeededRandom(1))).toEqual([]);
  const changes = advanceReassignments(before, version, new SeededRandom(1));
  const steps = movingSteps(cluster, head, rules);
  if (steps.length === 0) expect(changes).toEqual([]);
  else {
    expect(described(steps.map(({ state }) => headOf(state.redis)))).toContain(
      outcome(head, applyChanges(before, changes)),
    );
  }
  return 1;
}

/** Checks that proposals of the model's leaders are accepted, and invalid ones refused. */
function checkProposals(cluster: Cluster, head: Metadata, rules: Rules): number {
  const steps = proposalSteps(cluster, rules);
  const { leader, version, isr } = head.partition;
  const { leaderEpoch } = modelled(head.partition);
  if (leader === NOBODY) return 0;
  const before = stateOf(head);
  for (const { state } of steps) {
    const wanted = headOf(state.redis)?.partition.isr ?? 0;
    const members = idsOf(wanted).map((id) => ({ id, brokerEpoch: seenEpoch(cluster, id) }));
    const partition = { topic: TOPIC, topicId: `id-of-${TOPIC}`, partition: 0 };
    const proposal = { ...partition, leaderEpoch, partitionEpoch: version, isr: members };
    const changes = proposeIsr(before, leader, [proposal]);
    expect(described([headOf(state.redis)])).toContain(
      outcome(head, applyChanges(before, changes)),
    );
    const late = { ...proposal, partitionEpoch: version - 1 };
    expect(proposeIsr(before, leader, [late])).toEqual([]);
    const others = members.map(({ id }) => ({ id, brokerEpoch: 9999 }));
    if (wanted > isr)
      expect(proposeIsr(before, leader, [{ ...proposal, isr: others }])).toEqual([]);
  }
  return steps.length;
}

function seenEpoch({ brokers, redis }: Cluster, id: number): number | null {
  const partition = headOf(redis)?.partition;
  if (partition === undefined || has(partition.isr, id)) return null;
  return brokers[partition.leader]?.progress[id]?.brokerEpoch ?? null;
}

function checkRebuilds(cluster: Cluster, rules: Rules): number {
  const { brokers, redis } = cluster;
  let checked = 0;
  for (let participants: BrokerSet = 1; participants < 1 << brokers.length; participants += 1) {
    const steps = rebuildStepsBy(cluster, participants, rules);
    if (steps === null) continue;
    checked += 1;
    const remains = headOf(redis);
    const rebuilt = rebuiltState({
      number: numberAfter(cluster, participants),
      views: idsOf(participants).map((id) => viewOf(cluster, id)),
      remains: remains === null ? undefined : stateOf(remains),
      givenUp: [],
      random: new SeededRandom(1),
    });
    if (rebuilt.kind === 'waiting') expect(steps).toEqual([]);
    else {
      const after = partitionIn(rebuilt.state, TOPIC);
      const outcomes = steps.map(({ state }) => modelled(headOf(state.redis)?.partition));
      const { leader, leaderEpoch, isr } = after;
      expect(outcomes).toContainEqual({ leader, leaderEpoch, isr });
    }
  }
  return checked;
}

function viewOf(cluster: Cluster, id: number) {
  const { journal, disk, brokerEpoch } = brokerAt(cluster, id);
  if (journal === null) throw new Error('a broker without a journal has no view');
  const dataDirUuid = diskName(id, disk);
  return { brokerId: id, dataDirUuid, brokerEpoch, state: stateOf(journal) };
}

function numberAfter({ brokers, redis }: Cluster, participants: BrokerSet): number {
  const versions = idsOf(participants).map((id) => brokers[id]?.journal?.version ?? 0);
  const promises = idsOf(participants).map((id) => brokers[id]?.promised ?? 0);
  const newest = Math.max(...versions, headOf(redis)?.version ?? 0);
  return Math.max(Math.floor(newest / VERSIONS_PER_REBUILD), ...promises) + 1;
}

/** The model's metadata in the types of the product. */
function stateOf(metadata: Metadata): ClusterState {
  const { version, changeId, partition, brokerEpochs, disks, alive, replicas, move } = metadata;
  const brokers = brokerEpochs.map((brokerEpoch, id) =>
    brokerOf(id, { brokerEpoch, dataDirUuid: diskName(id, disks[id] ?? 0), alive: has(alive, id) }),
  );
  const state = partitionOf({
    ...modelled(partition),
    electionId: `election-${partition.electionId}`,
    partitionEpoch: partition.version,
    replicas: idsOf(replicas),
    ...(move === null ? {} : { reassignment: reassignmentOf(replicas, move) }),
  });
  const configs = { 'min.insync.replicas': String(metadata.minInsync.replicas) };
  return {
    ...clusterOf(brokers, [topicOf(TOPIC, [state], configs)]),
    version: scaled(version, VERSIONS_PER_REBUILD, VERSIONS),
    changeId: `change-${changeId}`,
  };
}

/** The former replicas are those that are not targets. */
function reassignmentOf(replicas: BrokerSet, { to, version }: NonNullable<Metadata['move']>) {
  const from = idsOf(replicas & ~to);
  return { from, to: idsOf(to), version: scaled(version, VERSIONS_PER_REBUILD, VERSIONS) };
}

/** Scales a number of the model, which reserves less for a rebuild, to the product's range. */
function scaled(value: number, from: number, to: number): number {
  return Math.floor(value / from) * to + (value % from);
}

function modelled(partition: PartitionState | undefined) {
  if (partition === undefined) throw new Error('there is no partition');
  return {
    leader: partition.leader === NOBODY ? null : partition.leader,
    leaderEpoch: scaled(partition.leaderEpoch, EPOCHS_PER_REBUILD, EPOCHS),
    isr: idsOf(partition.isr),
  };
}

function diskName(id: number, disk: number): string {
  return `disk ${disk} of broker ${id}`;
}

/** The partition and the live brokers after a commit of the product, as comparable text. */
function outcome(before: Metadata, after: ClusterState): string {
  const { leader, leaderEpoch, electionId, ...sets } = partitionIn(after, TOPIC);
  const [isr, replicas, to] = [sets.isr, sets.replicas, sets.reassignment?.to ?? []].map((ids) =>
    ids.toSorted((one, other) => one - other),
  );
  const isElection = electionId !== `election-${before.partition.electionId}`;
  const alive = [...after.brokers.values()].filter((broker) => broker.alive).map(({ id }) => id);
  return JSON.stringify({ leader, leaderEpoch, isr, replicas, to, isElection, alive });
}

function described(commits: readonly (Metadata | null)[]): string[] {
  return commits.map((commit) => {
    if (commit === null) throw new Error('nothing was committed');
    const isElection = commit.partition.electionId === commit.changeId;
    return JSON.stringify({
      ...modelled(commit.partition),
      replicas: idsOf(commit.replicas),
      to: idsOf(commit.move?.to ?? 0),
      isElection,
      alive: idsOf(commit.alive),
    });
  });
}
