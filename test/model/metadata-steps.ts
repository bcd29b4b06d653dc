/** The steps that change metadata: deaths, registrations, proposals, and losses of Redis. */
import {
  type Broker,
  type BrokerSet,
  bit,
  brokerAt,
  type Cluster,
  has,
  headOf,
  idsOf,
  isLeading,
  isRegistered,
  type Metadata,
  NOBODY,
  type PartitionState,
  spent,
  VERSIONS_PER_REBUILD,
  withBroker,
} from './cluster.js';
import type { Step } from './explorer.js';
import type { Fences } from './fences.js';

type Steps = Step<Cluster>[];

export interface Rules {
  readonly fences: Fences;
}

/** True when a broker is connected to the Redis of this view and accepts its commits. */
export function isAttached({ formerRedis, redis }: Cluster, { isAtFormer }: Broker): boolean {
  return isAtFormer === (formerRedis === redis);
}

/** A participant of a rebuild accepts no commit of an earlier line. */
export function mayTake({ promised }: Broker, version: number, { fences }: Rules): boolean {
  return !fences.rebuildPromises || version >= promised * VERSIONS_PER_REBUILD;
}

/** The steps that are possible at each Redis, for the brokers connected to it. */
export function withEachRedis(cluster: Cluster, stepsOf: (at: Cluster) => Steps): Steps {
  const { redis, formerRedis } = cluster;
  const steps = stepsOf(cluster);
  if (formerRedis === null) return steps;
  const atFormer = stepsOf({ ...cluster, redis: formerRedis }).map(({ label, state }) => ({
    label: `at the former Redis: ${label}`,
    state: { ...state, redis, formerRedis: state.redis },
  }));
  return [...steps, ...atFormer];
}

/** True when Redis accepts a compare-and-set: see `Fences.redisProcess`. */
export function takesCommits({ redis }: Cluster, { fences }: Rules): boolean {
  return redis.isConfirmed || (!fences.redisProcess && redis.line.length > 0);
}

/** A commit that changes the newest state. */
export function committed(
  cluster: Cluster,
  change: Partial<Metadata> & { readonly partition: PartitionState },
): Cluster {
  const head = headOf(cluster.redis);
  if (head === null) throw new Error('there is no state to commit on');
  const next = { ...head, ...nextIds(cluster, head), ...change, hashes: [] };
  const line = [...cluster.redis.line, next];
  return { ...cluster, redis: { ...cluster.redis, line, hashes: [] } };
}

/** Version and change id of the next commit; a line has one commit per version. */
export function nextIds(
  { redis }: Cluster,
  head: Metadata,
): Pick<Metadata, 'version' | 'changeId'> {
  const version = head.version + 1;
  return { version, changeId: changeIdOf(redis.lineNumber, version) };
}

export function changeIdOf(lineNumber: number, version: number): number {
  return lineNumber * 100 + version;
}

/** The partition in a new epoch, elected by the next commit. */
export function elected(
  cluster: Cluster,
  head: Metadata,
  leader: number,
  isr: BrokerSet,
): PartitionState {
  const { version, changeId } = nextIds(cluster, head);
  const leaderEpoch = head.partition.leaderEpoch + 1;
  return { leader, leaderEpoch, electionId: changeId, isr, version, reign: changeId };
}

function withoutMember(isr: BrokerSet, id: number): BrokerSet {
  const others = isr & ~bit(id);
  return others === 0 ? isr : others;
}

/** Steps in which a lease was not renewed, or seems not to be. */
export function deathSteps(cluster: Cluster, rules: Rules): Steps {
  const head = headOf(cluster.redis);
  if (head === null || cluster.budget.deaths === 0 || !takesCommits(cluster, rules)) return [];
  const isSeenByAnother = (id: number): boolean =>
    cluster.brokers.some(
      (broker, other) =>
        other !== id && isAttached(cluster, broker) && mayDecide(broker, other, head, rules),
    );
  return idsOf(head.alive).flatMap((id) => {
    return isSeenByAnother(id) ? deathStepsOf(cluster, id, head) : [];
  });
}

/** Possible decisions when a broker is declared dead. */
export function deathStepsOf(cluster: Cluster, id: number, head: Metadata): Steps {
  const alive = head.alive & ~bit(id);
  const { partition } = head;
  const isr = withoutMember(partition.isr, id);
  const { version } = nextIds(cluster, head);
  const partitions =
    partition.leader === id
      ? leadersOf(isr & alive).map((leader) => elected(cluster, head, leader, isr))
      : [isr === partition.isr ? partition : { ...partition, isr, version }];
  return partitions.map((after) => ({
    label: `${name(id)} is declared dead; ${described(after)}`,
    state: spent(committed(cluster, { alive, partition: after }), 'deaths'),
  }));
}

/** True when a broker may commit: it has read the newest commit. */
export function mayDecide(broker: Broker, id: number, head: Metadata, rules: Rules): boolean {
  if (broker.known?.changeId !== head.changeId || !mayTake(broker, head.version, rules))
    return false;
  return isRegistered(broker, id);
}

function leadersOf(candidates: BrokerSet): number[] {
  return candidates === 0 ? [NOBODY] : idsOf(candidates);
}

/** Steps in which a process registers under its broker id. */
export function registrationSteps(cluster: Cluster, rules: Rules): Steps {
  const head = headOf(cluster.redis);
  if (head === null || !takesCommits(cluster, rules)) return [];
  return cluster.brokers.flatMap((broker, id) => {
    if (broker.known?.changeId !== head.changeId || !isAttached(cluster, broker)) return [];
    if (!mayTake(broker, head.version, rules)) return [];
    if (isRegistered(broker, id) && has(head.alive, id)) return [];
    return registrationStepsOf(cluster, id, head, rules);
  });
}

/** Possible decisions when a broker registers. */
export function registrationStepsOf(
  cluster: Cluster,
  id: number,
  head: Metadata,
  rules: Rules,
): Steps {
  const { version } = nextIds(cluster, head);
  return registered(cluster, id, head, rules).map((partition) => {
    const brokerEpochs = head.brokerEpochs.with(id, version);
    const disks = head.disks.with(id, brokerAt(cluster, id).disk);
    const alive = head.alive | bit(id);
    const after = committed(cluster, { brokerEpochs, disks, alive, partition });
    return {
      label: `${name(id)} registers; ${described(partition)}`,
      state: withBroker(after, id, { brokerEpoch: version }),
    };
  });
}

/** Possible states of the partition after a process has registered. */
function registered(
  cluster: Cluster,
  id: number,
  head: Metadata,
  { fences }: Rules,
): PartitionState[] {
  const { partition } = head;
  const isSameDisk = head.disks[id] === brokerAt(cluster, id).disk;
  const mayKeepIsr = isSameDisk || !fences.replacedDiskLeavesIsr;
  const isr = mayKeepIsr ? partition.isr : partition.isr & ~bit(id);
  const { version } = nextIds(cluster, head);
  const isLeader = partition.leader === id && fences.registrationRaisesEpoch;
  if (isLeader || partition.leader === NOBODY) {
    const others = isr & head.alive & ~bit(id);
    const itself = isr & bit(id);
    if (partition.leader === NOBODY && (others | itself) === 0) {
      return [isr === partition.isr ? partition : { ...partition, isr, version }];
    }
    const candidates = others === 0 ? itself : others;
    return leadersOf(candidates).map((leader) => elected(cluster, head, leader, isr));
  }
  return [isr === partition.isr ? partition : { ...partition, isr, version }];
}

/** Steps in which a leader proposes another ISR; it learns the outcome with the metadata. */
export function proposalSteps(cluster: Cluster, rules: Rules): Steps {
  const head = headOf(cluster.redis);
  if (head === null || !takesCommits(cluster, rules)) return [];
  return cluster.brokers.flatMap((broker, id) => {
    const { known } = broker;
    if (known === null || !isLeading(broker, id) || broker.proposedIsr !== 0) return [];
    if (!isAttached(cluster, broker) || !mayTake(broker, head.version, rules)) return [];
    if (!sameEpochs(known.partition, head.partition) || !has(head.alive, id)) return [];
    return cluster.brokers.flatMap((_, other) => {
      if (other === id) return [];
      if (has(head.partition.isr, other)) return shrink(cluster, id, other, head);
      return mayJoin(cluster, id, other, head, rules) ? grow(cluster, id, other, head) : [];
    });
  });
}

/** True when leader epoch and partition epoch are equal, as a proposal requires. */
function sameEpochs(one: PartitionState, other: PartitionState): boolean {
  return one.leaderEpoch === other.leaderEpoch && one.version === other.version;
}

function shrink(cluster: Cluster, leader: number, member: number, head: Metadata): Steps {
  if (cluster.budget.isrShrinks === 0) return [];
  const isr = head.partition.isr & ~bit(member);
  const label = `${name(leader)} removes ${name(member)} from the ISR`;
  return [{ label, state: spent(proposed(cluster, leader, isr, head), 'isrShrinks') }];
}

function grow(cluster: Cluster, leader: number, joiner: number, head: Metadata): Steps {
  if (cluster.budget.isrGrowths === 0) return [];
  const isr = head.partition.isr | bit(joiner);
  const label = `${name(leader)} adds ${name(joiner)} to the ISR`;
  return [{ label, state: spent(proposed(cluster, leader, isr, head), 'isrGrowths') }];
}

function proposed(cluster: Cluster, leader: number, isr: BrokerSet, head: Metadata): Cluster {
  const { version } = nextIds(cluster, head);
  const after = committed(cluster, { partition: { ...head.partition, isr, version } });
  return withBroker(after, leader, { proposedIsr: isr });
}

function mayJoin(
  cluster: Cluster,
  leader: number,
  joiner: number,
  head: Metadata,
  { fences }: Rules,
): boolean {
  const { progress, highWatermark, epochStart } = brokerAt(cluster, leader);
  const seen = progress[joiner];
  if (seen === null || seen === undefined || !has(head.alive, joiner)) return false;
  if (!has(head.replicas, joiner)) return false;
  if (fences.joinerBrokerEpoch && seen.brokerEpoch !== head.brokerEpochs[joiner]) return false;
  if (!fences.joinerCaughtUp) return true;
  const end = fences.syncedEnds ? seen.syncedEnd : seen.logEnd;
  return end >= highWatermark && end >= epochStart;
}

/** Steps in which the operator lowers min.insync.replicas. */
export function loweringSteps(cluster: Cluster, rules: Rules): Steps {
  const head = headOf(cluster.redis);
  if (head === null || cluster.budget.minInsyncLowerings === 0) return [];
  if (!takesCommits(cluster, rules)) return [];
  const isAskable = cluster.brokers.some(
    (broker, id) => isAttached(cluster, broker) && mayDecide(broker, id, head, rules),
  );
  if (!isAskable) return [];
  const { partition, minInsync } = head;
  const { version } = nextIds(cluster, head);
  const replicas = minInsync.replicas - 1;
  const lowered = { replicas, former: minInsync.replicas, version };
  const label = `min.insync.replicas is lowered to ${replicas}`;
  const state = committed(cluster, { partition, minInsync: lowered });
  return [{ label, state: spent(state, 'minInsyncLowerings') }];
}

/** Steps in which Redis returns without its newest commits, or without any. */
export function redisLossSteps(cluster: Cluster): Steps {
  const { redis, budget } = cluster;
  const steps: Steps = [];
  const lineNumber = redis.lineNumber + 1;
  if (budget.rollbacks > 0) {
    for (let lost = 0; lost < redis.line.length; lost += 1) {
      const line = redis.line.slice(0, redis.line.length - lost);
      const state = { ...cluster, redis: { line, lineNumber, isConfirmed: false, hashes: [] } };
      const version = line.at(-1)?.version;
      const label = `Redis restarts and has lost ${lost} commits: it is at ${version}`;
      steps.push({ label, state: spent(state, 'rollbacks') });
    }
  }
  if (budget.failovers > 0) {
    for (let lost = 0; lost < redis.line.length; lost += 1) {
      const line = redis.line.slice(0, redis.line.length - lost);
      const copy = { line, lineNumber, isConfirmed: false, hashes: [] };
      let state: Cluster = { ...cluster, redis: copy, formerRedis: redis };
      for (const id of cluster.brokers.keys()) state = withBroker(state, id, { isAtFormer: true });
      const label = `a copy of Redis that lacks ${lost} commits takes over`;
      steps.push({ label, state: spent(state, 'failovers') });
    }
  }
  if (budget.wipes > 0 && redis.line.length > 0) {
    const state = { ...cluster, redis: { line: [], lineNumber, isConfirmed: false, hashes: [] } };
    steps.push({ label: 'Redis restarts empty', state: spent(state, 'wipes') });
  }
  return steps;
}

/** Steps in which a broker connects to the new master, or back to the former one. */
export function reconnectionSteps(cluster: Cluster): Steps {
  if (cluster.formerRedis === null) return [];
  return cluster.brokers.map(({ isAtFormer }, id) => ({
    label: `${name(id)} connects to the ${isAtFormer ? 'new' : 'former'} Redis`,
    state: withBroker(cluster, id, { isAtFormer: !isAtFormer }),
  }));
}

export function described({ leader, leaderEpoch, electionId, isr }: PartitionState): string {
  const who = leader === NOBODY ? 'no leader' : `${name(leader)} leads`;
  return `${who} in epoch ${leaderEpoch}/${electionId}, ISR ${isrName(isr)}`;
}

export function isrName(isr: BrokerSet): string {
  return `{${idsOf(isr).map(name).join(' ')}}`;
}

export function name(id: number): string {
  return String.fromCodePoint(97 + id);
}

export function majorityOf(brokers: number): number {
  return Math.floor(brokers / 2) + 1;
}
