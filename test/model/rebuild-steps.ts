/**
 * The steps after Redis lost commits: the loss is noticed, and the line is rebuilt from journals.
 */
import {
  type BrokerSet,
  bit,
  brokerAt,
  type Cluster,
  count,
  EPOCHS_PER_REBUILD,
  has,
  headOf,
  idsOf,
  type Metadata,
  NOBODY,
  type PartitionState,
  type Redis,
  VERSIONS_PER_REBUILD,
  withBroker,
} from './cluster.js';
import type { Step } from './explorer.js';
import type { Fences } from './fences.js';
import {
  changeIdOf,
  described,
  isAttached,
  isrName,
  majorityOf,
  type Rules,
} from './metadata-steps.js';

/**
 * Steps that notice a loss. Without the check of the Redis process, only brokers whose metadata is
 * not on Redis's line notice it.
 */
export function detectionSteps(cluster: Cluster, rules: Rules): Step<Cluster>[] {
  const { redis } = cluster;
  const head = headOf(redis);
  if (rules.fences.redisProcess || redis.isConfirmed || head === null) return [];
  const isNoticed = cluster.brokers.some(
    ({ known }) => known !== null && !isOnLine(redis, known) && known.version >= head.version,
  );
  if (!isNoticed) return [];
  return rebuildSteps(cluster, rules);
}

function isOnLine({ line }: Redis, { changeId }: Metadata): boolean {
  return line.some((commit) => commit.changeId === changeId);
}

/**
 * Steps in which enough brokers publish their journals, and the newest state becomes Redis's line.
 */
export function rebuildSteps(cluster: Cluster, rules: Rules): Step<Cluster>[] {
  const { redis, brokers } = cluster;
  if (redis.isConfirmed) return [];
  const steps: Step<Cluster>[] = [];
  for (let participants: BrokerSet = 1; participants < 1 << brokers.length; participants += 1) {
    steps.push(...(rebuildStepsBy(cluster, participants, rules) ?? []));
  }
  return steps;
}

/**
 * Possible results of a rebuild by these brokers, empty while it waits for others; null: they
 * cannot take part.
 */
export function rebuildStepsBy(
  cluster: Cluster,
  participants: BrokerSet,
  rules: Rules,
): Step<Cluster>[] | null {
  const cannot = idsOf(participants).some((id) => {
    const broker = brokerAt(cluster, id);
    return broker.journal === null || !isAttached(cluster, broker);
  });
  return cannot ? null : rebuilt(cluster, participants, rules);
}

/** True when these brokers are enough for a rebuild. */
function areEnough(
  { brokers }: Cluster,
  voters: BrokerSet,
  newest: Metadata,
  { fences }: Rules,
): boolean {
  const majority = fences.rebuildMajority ? majorityOf(brokers.length) : 1;
  if (count(voters) < majority) return false;
  const counted = countedReplicas(newest);
  // A sole replica is not waited for: no other can lead.
  if (count(counted) === 1) return true;
  const needed = fences.rebuildReplicas ? count(counted) - newest.minInsync.replicas + 1 : 1;
  return count(voters & counted) >= needed;
}

/** The present and the target replicas of the partition. */
function countedReplicas({ replicas, move }: Metadata): BrokerSet {
  return replicas | (move?.to ?? 0);
}

function rebuilt(cluster: Cluster, participants: BrokerSet, rules: Rules): Step<Cluster>[] {
  const { fences } = rules;
  const { lineNumber } = cluster.redis;
  const views = idsOf(participants).map((id) => brokerAt(cluster, id).journal);
  const all = [...views, headOf(cluster.redis)].filter((view) => view !== null);
  const newest = all.reduce((best, view) => (view.version > best.version ? view : best));
  const voters = fences.rebuildVotersDisk
    ? participants & onRegisteredDisks(cluster, newest)
    : participants;
  if (!areEnough(cluster, voters, newest, rules)) return [];
  const number = rebuildNumber(cluster, participants, all, rules);
  const version = fences.rebuildNumbers ? number * VERSIONS_PER_REBUILD : newest.version + 1;
  const changeId = changeIdOf(lineNumber, version);
  const alive = newest.alive | voters;
  const base = { ...newest.partition, version, reign: changeId };
  const outcomes: PartitionState[] = [];
  if (mayKeepLeader(cluster, voters, newest, fences)) outcomes.push(base);
  const seen = Math.max(...all.map(({ partition }) => partition.leaderEpoch)) + 1;
  const leaderEpoch = fences.rebuildEpochs ? Math.max(seen, number * EPOCHS_PER_REBUILD) : seen;
  const candidates = newest.partition.isr & voters & onRegisteredDisks(cluster, newest);
  for (const leader of candidates === 0 ? [NOBODY] : idsOf(candidates)) {
    outcomes.push({ ...base, leaderEpoch, electionId: changeId, leader });
  }
  return outcomes.map((partition) => {
    const line = [{ ...newest, version, changeId, alive, partition, hashes: [] }];
    const redis = { line, lineNumber, isConfirmed: true, hashes: [] };
    let state: Cluster = { ...cluster, redis };
    if (fences.rebuildPromises) {
      for (const id of idsOf(participants)) state = withBroker(state, id, { promised: number });
    }
    const label = `rebuild ${number} by ${isrName(participants)} from version ${newest.version}; `;
    return { label: label + described(partition), state };
  });
}

/** Number above those of all rebuilds that a voter knows. */
function rebuildNumber(
  cluster: Cluster,
  voters: BrokerSet,
  views: readonly Metadata[],
  { fences }: Rules,
): number {
  const seen = views.map(({ version }) => Math.floor(version / VERSIONS_PER_REBUILD));
  const promises = idsOf(voters).map((id) => brokerAt(cluster, id).promised);
  return Math.max(...seen, ...(fences.rebuildPromises ? promises : [])) + 1;
}

function onRegisteredDisks({ brokers }: Cluster, { disks }: Metadata): BrokerSet {
  let set = 0;
  for (const [id, { disk }] of brokers.entries()) if (disk === disks[id]) set |= bit(id);
  return set;
}

/**
 * A leader keeps its epoch when its own process takes part and no other can have been elected after
 * it.
 */
function mayKeepLeader(
  cluster: Cluster,
  voters: BrokerSet,
  newest: Metadata,
  fences: Fences,
): boolean {
  const { partition, brokerEpochs } = newest;
  const { leader } = partition;
  if (leader === NOBODY || !has(voters, leader)) return false;
  if (fences.rebuildLeavesEpoch && (countedReplicas(newest) & ~voters) !== 0) return false;
  return brokerAt(cluster, leader).brokerEpoch === brokerEpochs[leader];
}
