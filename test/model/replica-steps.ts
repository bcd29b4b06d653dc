/** The steps of replicas: appends, syncs, fetches, crashes, and the delivery of metadata. */
import {
  type Broker,
  brokerAt,
  type Cluster,
  count,
  has,
  headOf,
  isLeading,
  isRegistered,
  type LateAnswer,
  type LogEntry,
  type Metadata,
  NOBODY,
  spent,
  withBroker,
} from './cluster.js';
import type { Step } from './explorer.js';
import type { Fences } from './fences.js';
import { described, isAttached, majorityOf, mayTake, name, type Rules } from './metadata-steps.js';

type Steps = Step<Cluster>[];

export function appendSteps(cluster: Cluster): Steps {
  if (cluster.budget.records === 0) return [];
  return cluster.brokers.flatMap((broker, id) => {
    if (broker.known === null || !isLeading(broker, id)) return [];
    const { leaderEpoch, electionId } = broker.known.partition;
    const record = cluster.nextRecord;
    const log = [...broker.log, { leaderEpoch, electionId, record }];
    const label = `${name(id)} appends r${record} at ${broker.log.length} in epoch ${leaderEpoch}`;
    const state = spent({ ...withBroker(cluster, id, { log }), nextRecord: record + 1 }, 'records');
    return [{ label, state }];
  });
}

export function syncSteps(cluster: Cluster): Steps {
  return cluster.brokers.flatMap(({ log, syncedEnd }, id) => {
    if (syncedEnd === log.length) return [];
    const label = `${name(id)} syncs its log up to ${log.length}`;
    return [{ label, state: withBroker(cluster, id, { syncedEnd: log.length }) }];
  });
}

/** Steps in which a broker journals metadata that it already acts on. */
export function journalSteps(cluster: Cluster, rules: Rules): Steps {
  return cluster.brokers.flatMap((broker, id) => {
    const { known, journal } = broker;
    if (known === null || known === journal || !mayTake(broker, known.version, rules)) return [];
    const label = `${name(id)} journals version ${known.version}`;
    return [{ label, state: withBroker(cluster, id, { journal: known }) }];
  });
}

/** Steps in which a broker learns the commit after its newest, or one of another line. */
export function deliverySteps(cluster: Cluster, rules: Rules): Steps {
  const { line, isConfirmed } = cluster.redis;
  const head = headOf(cluster.redis);
  if (head === null) return [];
  return cluster.brokers.flatMap((broker, id) => {
    const { known } = broker;
    const at = known === null ? -1 : line.findIndex(({ changeId }) => changeId === known.changeId);
    if (at < 0 && known !== null && (!isConfirmed || known.version >= head.version)) return [];
    const next = at < 0 ? head : line[at + 1];
    if (next === undefined || !isAttached(cluster, broker)) return [];
    const isPassedOver = cluster.mayPassOver && next !== head;
    return (isPassedOver ? [next, head] : [next])
      .filter(({ version }) => mayTake(broker, version, rules))
      .map((commit) => delivery(cluster, id, commit, rules));
  });
}

function delivery(cluster: Cluster, id: number, commit: Metadata, rules: Rules): Step<Cluster> {
  const broker = brokerAt(cluster, id);
  const label = `${name(id)} learns version ${commit.version}: ${described(commit.partition)}`;
  const state = withBroker(cluster, id, learned(broker, id, commit, rules));
  const before = broker.known?.partition.leaderEpoch ?? 0;
  const { leaderEpoch } = commit.partition;
  // A broker without a replica has taken part in no epoch.
  if (leaderEpoch >= before || !has(commit.replicas, id)) return { label, state };
  const fault = `the leader epoch that ${name(id)} knows falls from ${before} to ${leaderEpoch}`;
  return { label, state: { ...state, fault } };
}

function learned(broker: Broker, id: number, next: Metadata, { fences }: Rules): Partial<Broker> {
  const before = broker.known?.partition;
  const { partition, replicas } = next;
  const isSameElection =
    before?.leaderEpoch === partition.leaderEpoch &&
    (before.electionId === partition.electionId || !fences.electionIds);
  const wasIsr = before?.isr ?? replicas;
  const isSettled = !fences.proposalUntilSettled || before?.version !== partition.version;
  const after: Broker = {
    ...broker,
    known: next,
    journal: fences.journalFirst ? next : broker.journal,
    proposedIsr: isSettled ? 0 : broker.proposedIsr,
    // A new leader does not know all former members; removals before its epoch are proven with the
    // epoch.
    unprovenIsr: isSameElection ? broker.unprovenIsr | wasIsr | broker.proposedIsr : replicas,
    progress: isSameElection ? broker.progress : broker.progress.map(() => null),
  };
  const epochStart =
    isSameElection && broker.epochStart >= 0 ? broker.epochStart : after.log.length;
  const unprovenIsr = partition.leader === id ? after.unprovenIsr : 0;
  return { ...after, unprovenIsr, epochStart: isLeading(after, id) ? epochStart : -1 };
}

/** Steps in which power fails: unsynced changes are lost, and a new process starts. */
export function crashSteps(cluster: Cluster): Steps {
  const { budget } = cluster;
  if (budget.crashes === 0) return [];
  return cluster.brokers.flatMap((broker, id) => {
    const { log, syncedEnd } = broker;
    const kept = { ...newProcess(broker), log: log.slice(0, syncedEnd), known: broker.journal };
    const label = `${name(id)} crashes and restarts with its log up to ${syncedEnd}`;
    const steps = [{ label, state: spent(withBroker(cluster, id, kept), 'crashes') }];
    if (budget.disksLost > 0) {
      const disk = broker.disk + 1;
      const empty = { disk, log: [], syncedEnd: 0, known: null, journal: null, promised: 0 };
      const state = spent(withBroker(cluster, id, { ...kept, ...empty }), 'crashes');
      steps.push({
        label: `${name(id)} crashes and restarts on an empty disk`,
        state: spent(state, 'disksLost'),
      });
    }
    return steps;
  });
}

function newProcess({ progress }: Broker): Partial<Broker> {
  return {
    brokerEpoch: 0,
    // The checkpointed high watermark may be any older one.
    highWatermark: 0,
    epochStart: -1,
    progress: progress.map(() => null),
    proposedIsr: 0,
    unprovenIsr: 0,
    late: null,
  };
}

/** Steps in which a follower fetches from its leader. */
export function fetchSteps(cluster: Cluster, rules: Rules): Steps {
  return cluster.brokers.flatMap((follower, id) => {
    const { known } = follower;
    if (known === null || !isRegistered(follower, id)) return [];
    const { leader } = known.partition;
    if (leader === id || leader === NOBODY || !has(known.replicas, id)) return [];
    return fetched(cluster, id, leader, rules);
  });
}

function fetched(cluster: Cluster, id: number, leaderId: number, { fences }: Rules): Steps {
  const follower = brokerAt(cluster, id);
  const leader = brokerAt(cluster, leaderId);
  if (!isLeading(leader, leaderId) || !isOfEpoch(follower, leader, fences)) return [];
  if (!has(leader.known?.replicas ?? 0, id)) return [];
  const end = commonEnd(follower.log, leader, fences);
  if (end < follower.log.length) return [truncation(cluster, id, leaderId, end)];
  const progress = leader.progress.with(id, {
    logEnd: end,
    syncedEnd: follower.syncedEnd,
    brokerEpoch: follower.brokerEpoch,
    journaledVersion: follower.journal?.version ?? 0,
  });
  const informed = withBroker(cluster, leaderId, { progress });
  const answer = answered(leader, end);
  const what = `${name(id)} fetches from ${name(leaderId)} at ${end} (synced ${follower.syncedEnd})`;
  const steps = [{ label: what, state: withBroker(informed, id, taken(follower, answer)) }];
  if (cluster.budget.lateAnswers > 0 && answer.entries.length > 0) {
    const state = spent(withBroker(informed, id, { late: answer }), 'lateAnswers');
    steps.push({ label: `${what}, and the answer is late`, state });
  }
  return steps;
}

function isOfEpoch({ known }: Broker, leader: Broker, fences: Fences): boolean {
  if (!fences.epochOnFetch) return true;
  const asked = known?.partition;
  const own = leader.known?.partition;
  if (asked?.leaderEpoch !== own?.leaderEpoch) return false;
  return !fences.electionIds || asked?.electionId === own?.electionId;
}

/**
 * The offset at which a follower truncates its log, after as many rounds of requests as that takes
 * (KIP-101, KIP-279); its log end when that continues the leader's log.
 */
function commonEnd(own: readonly LogEntry[], leader: Broker, fences: Fences): number {
  if (!fences.truncationBeforeFetch) return Math.min(own.length, leader.log.length);
  const now = leader.known?.partition ?? NO_EPOCH;
  let end = own.length;
  for (;;) {
    const last = own[end - 1];
    if (last === undefined) return 0;
    const theirs = endOfEpoch(leader.log, last, now, fences);
    if (theirs.leaderEpoch === last.leaderEpoch && theirs.end >= end) return end;
    const mine = endOfEpoch(own.slice(0, end), theirs, NO_EPOCH, fences);
    const isShared = mine.leaderEpoch === theirs.leaderEpoch;
    end = Math.min(end, isShared ? Math.min(mine.end, theirs.end) : mine.end);
  }
}

type Election = Pick<LogEntry, 'leaderEpoch' | 'electionId'>;

interface EpochEnd extends Election {
  readonly end: number;
}

const NO_EPOCH: Election = { leaderEpoch: 0, electionId: 0 };

/**
 * The end of the greatest epoch of a log that is at most a given one, or below it when that is
 * another election of the same number.
 * @param now the epoch in which the log's owner leads, even if it has not written in it
 */
function endOfEpoch(
  log: readonly LogEntry[],
  { leaderEpoch, electionId }: Election,
  now: Election,
  { electionIds }: Fences,
): EpochEnd {
  const isOther = [...log, now].some(
    (entry) => entry.leaderEpoch === leaderEpoch && entry.electionId !== electionId,
  );
  const asked = electionIds && isOther ? leaderEpoch - 1 : leaderEpoch;
  if (now.leaderEpoch > 0 && asked >= now.leaderEpoch) return { ...now, end: log.length };
  const at = log.findLastIndex((entry) => entry.leaderEpoch <= asked);
  const entry = log[at];
  return entry === undefined ? { ...NO_EPOCH, end: 0 } : { ...entry, end: at + 1 };
}

function truncation(cluster: Cluster, id: number, leaderId: number, end: number): Step<Cluster> {
  const { log, syncedEnd, highWatermark } = brokerAt(cluster, id);
  // An out-of-sync replica may do this after a leader that was deposed: it gets the record again.
  const { redis } = cluster;
  const isInSync = redis.isConfirmed && has(headOf(redis)?.partition.isr ?? 0, id);
  const lost = log.findIndex(
    ({ record }, offset) =>
      isInSync && offset >= end && cluster.acknowledged[offset]?.record === record,
  );
  const fault = lost < 0 ? cluster.fault : `${name(id)} truncates acknowledged offset ${lost}`;
  const change = {
    log: log.slice(0, end),
    syncedEnd: Math.min(syncedEnd, end),
    highWatermark: Math.min(highWatermark, end),
  };
  return {
    label: `${name(id)} truncates its log to ${end} for leader ${name(leaderId)}`,
    state: { ...withBroker(cluster, id, change), fault },
  };
}

function answered({ known, log, highWatermark }: Broker, fetchOffset: number): LateAnswer {
  if (known === null) throw new Error('a leader must know its election');
  const { leaderEpoch, electionId } = known.partition;
  return { leaderEpoch, electionId, fetchOffset, entries: log.slice(fetchOffset), highWatermark };
}

function taken(follower: Broker, { entries, highWatermark }: LateAnswer): Partial<Broker> {
  const log = entries.length === 0 ? follower.log : [...follower.log, ...entries];
  const known = Math.min(log.length, Math.max(follower.highWatermark, highWatermark));
  return { log, highWatermark: known };
}

export function lateAnswerSteps(cluster: Cluster, { fences }: Rules): Steps {
  return cluster.brokers.flatMap((broker, id) => {
    const { late, known, log } = broker;
    if (late === null) return [];
    const isOfEpoch =
      known?.partition.leaderEpoch === late.leaderEpoch &&
      known.partition.electionId === late.electionId;
    const isWanted = !fences.answerOfThisEpoch || (isOfEpoch && log.length === late.fetchOffset);
    const change = isWanted ? taken(broker, late) : {};
    const label = `the late answer reaches ${name(id)}${isWanted ? '' : ', which drops it'}`;
    return [{ label, state: withBroker(cluster, id, { ...change, late: null }) }];
  });
}

/**
 * Moves every leader's high watermark as far as possible, which acknowledges the records below. A
 * leader that waits reaches no further states: every later step is also possible at once.
 */
export function settle(cluster: Cluster, rules: Rules): Cluster {
  let settled = cluster.budget.crashes === 0 ? synced(cluster) : cluster;
  for (const [id, broker] of settled.brokers.entries()) {
    if (isLeading(broker, id)) settled = advance(settled, id, broker, rules);
  }
  return settled;
}

/** The model without crashes: unsynced data matters only to brokers that may crash. */
function synced(cluster: Cluster): Cluster {
  let all = cluster;
  for (const [id, { log, syncedEnd }] of cluster.brokers.entries()) {
    if (syncedEnd < log.length) all = withBroker(all, id, { syncedEnd: log.length });
  }
  return all;
}

function advance(cluster: Cluster, id: number, before: Broker, rules: Rules): Cluster {
  const { fences } = rules;
  const isProven = isIsrProven(before, id);
  const unprovenIsr = isProven ? 0 : before.unprovenIsr;
  const leader = { ...before, unprovenIsr };
  const isr = leader.known?.partition.isr ?? 0;
  const settled =
    unprovenIsr === before.unprovenIsr ? cluster : withBroker(cluster, id, { unprovenIsr });
  const { proposedIsr } = leader;
  const smaller = proposedIsr === 0 ? isr : isr & proposedIsr;
  if (fences.minInsyncGate && count(smaller) < minInsyncOf(leader, id, fences)) return settled;
  let counted = isr;
  if (fences.maximalIsr) counted |= proposedIsr;
  if (fences.journaledGate) counted |= unprovenIsr;
  const highWatermark = leastEnd(leader, id, counted, fences);
  if (highWatermark <= leader.highWatermark) return settled;
  return acknowledge(withBroker(settled, id, { highWatermark }), id);
}

/**
 * Number of replicas that must be in sync: the former number, until the lower one cannot be lost.
 */
function minInsyncOf(leader: Broker, id: number, { loweredMinInsync }: Fences): number {
  const { known, progress } = leader;
  if (known === null) return progress.length;
  const { replicas, former, version } = known.minInsync;
  if (!loweredMinInsync || former === replicas) return replicas;
  let journaled = 0;
  for (let broker = 0; broker < progress.length; broker += 1) {
    if (hasJournaled(leader, id, broker, version)) journaled += 1;
  }
  return journaled >= majorityOf(progress.length) ? replicas : former;
}

/** True when all ISR members have the commit of the ISR on disk. */
function isIsrProven(leader: Broker, id: number): boolean {
  if (leader.known === null) return false;
  const { isr, version } = leader.known.partition;
  for (let member = 0; member < leader.progress.length; member += 1) {
    if (has(isr, member) && !hasJournaled(leader, id, member, version)) return false;
  }
  return true;
}

/** True when a broker has a version on disk, as far as the leader knows. */
function hasJournaled(leader: Broker, id: number, broker: number, version: number): boolean {
  const { journal, progress } = leader;
  const journaled = broker === id ? journal?.version : progress[broker]?.journaledVersion;
  return journaled !== undefined && journaled >= version;
}

function leastEnd({ log, syncedEnd, progress }: Broker, id: number, isr: number, fences: Fences) {
  let least = log.length;
  for (let member = 0; member < progress.length; member += 1) {
    if (!has(isr, member)) continue;
    const seen = member === id ? { logEnd: log.length, syncedEnd } : progress[member];
    const end = (fences.syncedEnds ? seen?.syncedEnd : seen?.logEnd) ?? 0;
    if (end < least) least = end;
  }
  return least;
}

/** Time at which an election was confirmed last, even if its leader does not know it. */
function reignOf({ redis, formerRedis, brokers }: Cluster, electionId: number): number {
  let last = 0;
  const former = formerRedis?.line ?? [];
  for (const known of [...redis.line, ...former, ...brokers.map((broker) => broker.known)]) {
    if (known?.partition.electionId !== electionId) continue;
    last = Math.max(last, known.partition.reign);
  }
  return last;
}

/** Acknowledges all records below the leader's high watermark. */
function acknowledge(cluster: Cluster, id: number): Cluster {
  const { known, log, highWatermark, brokerEpoch } = brokerAt(cluster, id);
  if (known === null) return cluster;
  const { electionId } = known.partition;
  const reign = reignOf(cluster, electionId);
  const acknowledged = [...cluster.acknowledged];
  let { fault, acknowledgers } = cluster;
  for (let offset = 0; offset < highWatermark; offset += 1) {
    const record = log[offset]?.record;
    const earlier = acknowledged[offset];
    if (record === undefined) continue;
    if (earlier === undefined) acknowledged[offset] = { record, reign, electionId };
    else if (earlier.record !== record) {
      fault = `${name(id)} acknowledges r${record} at ${offset}, where r${earlier.record} was`;
    }
  }
  const earlier = acknowledgers.find((process) => process.electionId === electionId);
  if (earlier === undefined) {
    acknowledgers = [...acknowledgers, { electionId, broker: id, brokerEpoch }];
  } else if (earlier.broker !== id || earlier.brokerEpoch !== brokerEpoch) {
    fault = `two processes acknowledge in election ${electionId}: ${name(earlier.broker)} and ${name(id)}`;
  }
  return { ...cluster, acknowledged, fault, acknowledgers };
}
