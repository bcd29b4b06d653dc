/** The steps in which metadata changes: deaths, registrations, proposals, and what befalls Redis. */
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
  withBroker,
} from './cluster.js';
import type { Step } from './explorer.js';
import type { Fences } from './fences.js';

export interface Rules {
  readonly fences: Fences;
  readonly minInsyncReplicas: number;
}

type Steps = Step<Cluster>[];

/** Whether a compare-and-set can be taken: see `Fences.redisProcess`. */
function takesCommits({ redis }: Cluster, { fences }: Rules): boolean {
  return redis.isConfirmed || (!fences.redisProcess && redis.line.length > 0);
}

/** A commit of what is to be other than in the newest one. */
function committed(
  cluster: Cluster,
  change: Partial<Metadata> & { readonly partition: PartitionState },
): Cluster {
  const head = headOf(cluster.redis);
  if (head === null) throw new Error('nothing to commit upon');
  const next = { ...head, ...nextIds(cluster, head), ...change, hashes: [] };
  const line = [...cluster.redis.line, next];
  return { ...cluster, redis: { ...cluster.redis, line, hashes: [] } };
}

/** One line has one commit of a version, so that both together name it. */
function nextIds({ redis }: Cluster, head: Metadata): Pick<Metadata, 'version' | 'changeId'> {
  const version = head.version + 1;
  return { version, changeId: changeIdOf(redis.lineNumber, version) };
}

export function changeIdOf(lineNumber: number, version: number): number {
  return lineNumber * 100 + version;
}

/** The partition in a new epoch, made by the commit that is next. */
function elected(cluster: Cluster, head: Metadata, leader: number, isr: BrokerSet): PartitionState {
  const { version, changeId } = nextIds(cluster, head);
  const leaderEpoch = head.partition.leaderEpoch + 1;
  return { leader, leaderEpoch, electionId: changeId, isr, version, reign: changeId };
}

function withoutMember(isr: BrokerSet, id: number): BrokerSet {
  const others = isr & ~bit(id);
  return others === 0 ? isr : others;
}

/** Somebody's lease was not renewed, or seemed not to be. */
export function deathSteps(cluster: Cluster, rules: Rules): Steps {
  const head = headOf(cluster.redis);
  if (head === null || cluster.budget.deaths === 0 || !takesCommits(cluster, rules)) return [];
  const isSeenByAnother = (id: number): boolean =>
    cluster.brokers.some((broker, other) => other !== id && mayDecide(broker, other, head));
  return idsOf(head.alive).flatMap((id) => {
    if (!isSeenByAnother(id)) return [];
    const alive = head.alive & ~bit(id);
    const { partition } = head;
    const isr = withoutMember(partition.isr, id);
    const { version } = nextIds(cluster, head);
    const partitions =
      partition.leader === id
        ? leadersOf(isr & alive).map((leader) => elected(cluster, head, leader, isr))
        : [isr === partition.isr ? partition : { ...partition, isr, version }];
    return partitions.map((after) => ({
      label: `${name(id)} is taken for dead; ${described(after)}`,
      state: spent(committed(cluster, { alive, partition: after }), 'deaths'),
    }));
  });
}

/** A compare-and-set is taken only of a broker that has read the newest commit. */
function mayDecide(broker: Broker, id: number, head: Metadata): boolean {
  return broker.known?.changeId === head.changeId && isRegistered(broker, id);
}

function leadersOf(candidates: BrokerSet): number[] {
  return candidates === 0 ? [NOBODY] : idsOf(candidates);
}

/** A process makes itself the one that its broker id stands for. */
export function registrationSteps(cluster: Cluster, rules: Rules): Steps {
  const head = headOf(cluster.redis);
  if (head === null || !takesCommits(cluster, rules)) return [];
  return cluster.brokers.flatMap((broker, id) => {
    const { known } = broker;
    if (known?.changeId !== head.changeId) return [];
    if (isRegistered(broker, id) && has(head.alive, id)) return [];
    return registered(cluster, id, head, rules).map((partition) => {
      const { version } = nextIds(cluster, head);
      const brokerEpochs = head.brokerEpochs.with(id, version);
      const disks = head.disks.with(id, broker.disk);
      const alive = head.alive | bit(id);
      const after = committed(cluster, { brokerEpochs, disks, alive, partition });
      return {
        label: `${name(id)} registers; ${described(partition)}`,
        state: withBroker(after, id, { brokerEpoch: version }),
      };
    });
  });
}

/** What may become of the partition when a process of a broker registers. */
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

/** A leader proposes another ISR; it is told what became of it with the metadata. */
export function proposalSteps(cluster: Cluster, rules: Rules): Steps {
  const head = headOf(cluster.redis);
  if (head === null || !takesCommits(cluster, rules)) return [];
  return cluster.brokers.flatMap((broker, id) => {
    const { known } = broker;
    if (known === null || !isLeading(broker, id) || broker.proposedIsr !== 0) return [];
    if (!sameEpochs(known.partition, head.partition) || !has(head.alive, id)) return [];
    return cluster.brokers.flatMap((_, other) => {
      if (other === id) return [];
      if (has(head.partition.isr, other)) return shrink(cluster, id, other, head);
      return mayJoin(cluster, id, other, head, rules) ? grow(cluster, id, other, head) : [];
    });
  });
}

/** What a proposal names of the partition: leader epoch and partition epoch. */
function sameEpochs(one: PartitionState, other: PartitionState): boolean {
  return one.leaderEpoch === other.leaderEpoch && one.version === other.version;
}

function shrink(cluster: Cluster, leader: number, member: number, head: Metadata): Steps {
  if (cluster.budget.isrShrinks === 0) return [];
  const isr = head.partition.isr & ~bit(member);
  const label = `${name(leader)} has ${name(member)} leave the ISR`;
  return [{ label, state: spent(proposed(cluster, leader, isr, head), 'isrShrinks') }];
}

function grow(cluster: Cluster, leader: number, joiner: number, head: Metadata): Steps {
  if (cluster.budget.isrGrowths === 0) return [];
  const isr = head.partition.isr | bit(joiner);
  const label = `${name(leader)} has ${name(joiner)} join the ISR`;
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
  if (fences.joinerBrokerEpoch && seen.brokerEpoch !== head.brokerEpochs[joiner]) return false;
  if (!fences.joinerCaughtUp) return true;
  const end = fences.syncedEnds ? seen.syncedEnd : seen.logEnd;
  return end >= highWatermark && end >= epochStart;
}

/** Redis comes back without its newest commits, or without any. */
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
  if (budget.wipes > 0 && redis.line.length > 0) {
    const state = { ...cluster, redis: { line: [], lineNumber, isConfirmed: false, hashes: [] } };
    steps.push({ label: 'Redis restarts empty', state: spent(state, 'wipes') });
  }
  return steps;
}

export function described({ leader, leaderEpoch, electionId, isr }: PartitionState): string {
  const who = leader === NOBODY ? 'nobody leads' : `${name(leader)} leads`;
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
