/**
 * The fault sequences that broke other replicated logs, each driven into its dangerous state. A
 * test fails when that state is not reached, so that no test can pass without checking anything,
 * and it fails without the safeguard that it covers (see test/mutations/cluster-mutations.ts).
 */
import { describe, it } from 'vitest';
import { LOSES_ALL, Scenario } from './scenario.js';

const LEASE_MS = 3000;
/** Latency of messages to Redis that others must overtake, ms. */
const SLOW_MS = 650;
const LATE_MS = 200;

describe('a killer sequence', () => {
  it('a follower that restarts before its leader dies keeps unconfirmed records', () =>
    Scenario.run(restartOfAFollower));

  it('an answer of the first leader is dropped after two elections within one fetch', () =>
    Scenario.run(twoElectionsBeforeAnAnswer));

  it('a fetch request of an earlier epoch commits nothing after two elections', () =>
    Scenario.run(twoElectionsBeforeARequest));

  it('a follower that reboots empty during its ISR proposal is not added to the ISR', () =>
    Scenario.run(emptyRebootDuringAProposal));

  it('a record needs all replicas while the leader does not know its proposal was accepted', () =>
    Scenario.run(proposalTakenUnheard));

  it('a record needs all replicas after another change that does not settle the proposal', () =>
    Scenario.run(proposalThatSeemsSettled));

  it('a record below min.insync.replicas may be lost with the tail of the only ISR member', () =>
    Scenario.run(isrOfOneLosesItsTail));

  it('a replica removed from the ISR is not elected after Redis is rolled back to before it', () =>
    Scenario.run(rollbackOfAShrink));

  it('nothing is acknowledged without a removed replica before the ISR journals the removal', () =>
    Scenario.run(rollbackOfAnUnprovenShrink));
});

/**
 * KIP-101: a follower learns with its next fetch that a record is committed. Between the two it
 * restarts and is elected before it has fetched.
 */
async function restartOfAFollower(scenario: Scenario): Promise<void> {
  const [leader, follower, absent] = [0, 1, 2];
  const { links } = scenario.world;
  await scenario.createTopic([leader, follower, absent]);
  await scenario.produced('committed', leader);
  scenario.machine(absent).kill();
  await scenario.reach('the ISR is the two remaining replicas', () => isIsr(scenario, [0, 1]));
  await scenario.produced('proof-of-the-removal', leader);

  links.cut(leader, follower);
  const last = scenario.produce('last-words', leader);
  const offset = scenario.logEndOf(follower);
  const isWritten = (): boolean => scenario.logEndOf(follower) > offset;
  await scenario.letThrough(
    { from: leader, to: follower },
    'the follower has the record',
    isWritten,
  );
  const isCommitted = (): boolean => scenario.highWatermarkOf(leader) > offset;
  await scenario.letThrough({ from: leader, to: follower }, 'the leader knows this', isCommitted);
  await scenario.reach('it is acknowledged', () => last.fate === 'acknowledged');
  const knownBefore = scenario.highWatermarkOf(follower);
  scenario.holds('the follower does not know that it is committed', knownBefore <= offset);

  scenario.machine(follower).losePower(LOSES_ALL);
  scenario.machine(follower).start();
  const serves = (): boolean => scenario.logEndOf(follower) >= 0;
  await scenario.reach('the follower is back', serves);
  const known = scenario.highWatermarkOf(follower);
  scenario.holds('it has not reached its leader', known <= offset);
  scenario.machine(leader).losePower(LOSES_ALL);
  await scenario.reach('it is elected', () => scenario.partition.leader === follower);
  const { version } = scenario.world.state;
  await scenario.reach('it knows this', () => scenario.journaledBy(follower) >= version);
  const end = await scenario.endReportedBy(follower);
  scenario.holds('it reports no lower end', end === undefined || end > offset);
  await scenario.never(
    'its log lacks an acknowledged record',
    () => scenario.logEndOf(follower) <= offset,
    LEASE_MS,
  );
  links.heal(leader, follower);
  scenario.machine(absent).start();
  const isBack = (): boolean => scenario.highWatermarkOf(follower) > offset;
  await scenario.reach('the record is committed again once a replica joins', isBack);
}

/**
 * KIP-279, KIP-320: a leader's answer is so slow that another broker leads in between, for which
 * the first leader truncates the records in that answer, and then the first one leads again. Its
 * follower knows none of these elections.
 */
async function twoElectionsBeforeAnAnswer(scenario: Scenario): Promise<void> {
  const [other, leader, follower] = [0, 1, 2];
  const { links, redis } = scenario.world;
  await leadBySecondReplica(scenario);
  // The follower keeps its connection to the first leader while another broker leads the partition.
  await scenario.createUnusedTopic([leader, follower]);
  links.cut(leader, other);
  links.cut(leader, follower);
  const cutOff = await scenario.produced('only-at-the-first-leader', leader, '1');
  await scenario.reach('an answer is on its way', () => links.waiting(leader, follower) > 0);
  const isStale = (): boolean =>
    scenario.messages.some(
      ({ step, from, bytes }) =>
        step === 'answered' && from === follower && bytes.includes(cutOff.value),
    );

  redis.holdCommitsOf(follower);
  await scenario.electPreferredLeader();
  const kept = await scenario.produced('of-the-second-leader', other, '1');
  links.heal(leader, other);
  const isCut = (): boolean => scenario.hasWritten(leader, kept);
  await scenario.reach('the first leader has truncated its record and follows', isCut);
  await scenario.restart(other);
  await scenario.reach('it leads again', () => scenario.partition.leader === leader);
  await scenario.produced('of-the-third-leader', leader, '1');
  const { electionId } = scenario.partition;
  const waiting = links.waiting(leader, follower);
  redis.breakConnectionsOf(follower);
  redis.releaseCommitsOf(follower);
  const isNewerWaiting = (): boolean => links.waiting(leader, follower) > waiting;
  await scenario.reach('a newer answer is on its way', isNewerWaiting);
  const hasAsked = (): boolean =>
    scenario.messages.some(
      ({ step, from, bytes }) =>
        step === 'called' && from === follower && bytes.includes(electionId),
    );
  // Newer answers overtake the late one.
  const newest = { from: leader, to: follower, first: 'newest' } as const;
  await scenario.letThrough(newest, 'its follower has asked in the newest epoch', hasAsked);
  scenario.holds('the late answer fits its log end', scenario.logEndOf(follower) === 1);
  scenario.holds('the late answer has not arrived', !isStale());
  await scenario.letThrough({ from: leader, to: follower }, 'the late answer arrives', isStale);
  await scenario.never(
    'the follower accepts a record that its leader has truncated',
    () => scenario.hasWritten(follower, cutOff),
    50,
  );
}

/**
 * KIP-320: a follower's request is so slow that it reaches its leader two epochs later. The
 * follower may still learn the epoch in between, and truncate the records that its leader counts
 * on.
 */
async function twoElectionsBeforeARequest(scenario: Scenario): Promise<void> {
  const [other, leader, follower] = [0, 1, 2];
  const { links, redis } = scenario.world;
  await leadBySecondReplica(scenario);
  const { electionId } = scenario.partition;
  scenario.cut(leader, other);
  links.cut(leader, follower);
  const open = await scenario.produced('not-committed', leader, '1');
  links.cut(follower, leader);
  const calls = scenario.messages.length;
  const hasIt = (): boolean => scenario.hasWritten(follower, open);
  await scenario.letThrough({ from: leader, to: follower }, 'the follower has the record', hasIt);
  const ofFirstEpoch = (step: 'called' | 'arrived') => (): boolean =>
    scenario.messages
      .slice(calls)
      .some(
        (seen) => seen.step === step && seen.from === follower && seen.bytes.includes(electionId),
      );
  await scenario.reach('it fetches the next record', ofFirstEpoch('called'));

  redis.holdCommitsOf(follower);
  await scenario.electPreferredLeader();
  const { version } = scenario.world.state;
  await scenario.reach('another broker leads', () => scenario.journaledBy(other) >= version);
  await scenario.restart(other);
  await scenario.reach('the first leader leads again', () => scenario.partition.leader === leader);
  const latest = await scenario.produced('of-the-third-epoch', leader, '1');
  scenario.heal(leader, other);
  await scenario.reach('a follower has its record', () => scenario.hasWritten(other, latest));
  scenario.holds('its records are not committed', scenario.highWatermarkOf(leader) === 1);
  scenario.holds('the request has not arrived', !ofFirstEpoch('arrived')());
  links.heal(leader, follower);
  await scenario.letThrough(
    { from: follower, to: leader },
    'the request arrives',
    ofFirstEpoch('arrived'),
  );
  const isBehind = scenario.journaledBy(follower) <= version;
  scenario.holds('its sender knows no later epoch', isBehind);
  await scenario.never(
    'a request of an earlier epoch commits records',
    () => scenario.highWatermarkOf(leader) > 1,
    50,
  );
}

/**
 * KIP-841, KIP-903: a disk is replaced between the fetch that shows the replica in sync and the
 * proposal to add it.
 */
async function emptyRebootDuringAProposal(scenario: Scenario): Promise<void> {
  const { links, metadata } = scenario.world;
  const { leader, joiner } = await withAFollowerOut(scenario);
  links.heal(joiner, leader);
  await scenario.never(
    'a replica that is behind is in the ISR',
    () => scenario.partition.isr.includes(joiner),
    1000,
  );

  // Long enough for a reboot, and too short for the leader to lose its connection.
  links.setSpeed(leader, 'redis', { latencyMsMin: SLOW_MS, latencyMsMax: SLOW_MS });
  links.heal(leader, joiner);
  const isProposed = (): boolean => proposedVersion(scenario, leader, joiner) !== undefined;
  await scenario.reach('its leader proposes to add it again', isProposed);
  const { partitionEpoch } = scenario.partition;
  scenario.cut(joiner, leader);
  const machine = scenario.machine(joiner);
  const seenEpoch = scenario.world.state.brokers.get(joiner)?.brokerEpoch ?? 0;
  await machine.stop();
  metadata.diskLost(joiner);
  machine.replaceDisk();
  machine.start();
  await scenario.reach('it is back on an empty disk', () => scenario.logEndOf(joiner) === 0);
  const registered = scenario.world.state.brokers.get(joiner);
  scenario.holds('it is registered again', (registered?.brokerEpoch ?? 0) > seenEpoch);
  scenario.holds('the proposal is still pending', isProposed());
  const isSame = scenario.partition.partitionEpoch === partitionEpoch;
  scenario.holds('the partition has not changed since the proposal', isSame);
  links.setSpeed(leader, 'redis', undefined);
  await scenario.never(
    'an empty replica is in the ISR',
    () => scenario.partition.isr.includes(joiner) && scenario.logEndOf(joiner) < 1,
    2 * LEASE_MS,
  );
}

/**
 * KIP-497: while the leader does not know whether its proposal was accepted, either ISR may be the
 * committed one.
 */
async function proposalTakenUnheard(scenario: Scenario): Promise<void> {
  const { links } = scenario.world;
  const { leader, other, joiner } = await withAFollowerOut(scenario);
  links.heal(joiner, leader);
  await scenario.reach(
    'it fetches the record that it lacks',
    () => links.waiting(leader, joiner) > 0,
  );
  links.cut('redis', leader);
  links.heal(leader, joiner);
  await mustHaveAllThree(scenario, { leader, other, joiner });
}

/** The same, but the leader learns another change of the topic before the proposal is accepted. */
async function proposalThatSeemsSettled(scenario: Scenario): Promise<void> {
  const { world } = scenario;
  const { leader, other, joiner } = await withAFollowerOut(scenario);
  world.links.setSpeed(leader, 'redis', { latencyMsMin: LATE_MS, latencyMsMax: LATE_MS });
  scenario.heal(joiner, leader);
  const { version } = world.state;
  const isProposedOn = (known: number) => (): boolean =>
    proposedVersion(scenario, leader, joiner) === known + 1;
  await scenario.reach('its leader proposes to add it again', isProposedOn(version));
  scenario.alterTopic({ 'retention.ms': 1_000_000_000 }, other);
  const isHeard = (): boolean => scenario.journaledBy(leader) > version;
  await scenario.reach('the leader learns another change', isHeard);
  scenario.holds('its proposal is not accepted', !scenario.partition.isr.includes(joiner));
  // The first try names an outdated version; the second one is accepted.
  await scenario.reach('it is proposed again', isProposedOn(version + 1));
  world.links.cut('redis', leader);
  await mustHaveAllThree(scenario, { leader, other, joiner });
}

interface Roles {
  readonly leader: number;
  readonly other: number;
  readonly joiner: number;
}

/** A replica that may be in the ISR without its leader's knowledge has all acknowledged records. */
async function mustHaveAllThree(scenario: Scenario, roles: Roles): Promise<void> {
  const { leader, other, joiner } = roles;
  const isTaken = (): boolean => scenario.partition.isr.includes(joiner);
  await scenario.reach('it is in the ISR again', isTaken);
  const { version } = scenario.world.state;
  scenario.cut(joiner, leader);
  const open = scenario.produce('not-in-all-three', leader);
  await scenario.reach('two of three have a record', () => scenario.hasWritten(other, open));
  scenario.holds(
    'its leader does not know that the third is in the ISR',
    scenario.journaledBy(leader) < version,
  );
  await scenario.never(
    'it is acknowledged without the third',
    () => open.fate === 'acknowledged' || scenario.highWatermarkOf(leader) > 1,
    500,
  );
  for (const id of [leader, other]) scenario.machine(id).kill();
  const isElected = (): boolean => scenario.partition.leader === joiner;
  await scenario.reach('the third is elected', isElected);
}

/**
 * Puts a follower out of the ISR and cuts it off, so that it lacks a record; the third broker is
 * the controller.
 */
async function withAFollowerOut(scenario: Scenario): Promise<Roles> {
  const other = scenario.world.state.controller?.id ?? 0;
  const [leader, joiner] = [0, 1, 2].filter((id) => id !== other) as [number, number];
  await scenario.createTopic([leader, other, joiner]);
  scenario.cut(joiner, leader);
  scenario.cut(joiner, other);
  await scenario.reach('a follower has left the ISR', () => isIsr(scenario, [leader, other]));
  await scenario.produced('only-in-the-isr', leader);
  return { leader, other, joiner };
}

/** Known version in a leader's pending proposal to add a replica; undefined when there is none. */
function proposedVersion({ world }: Scenario, leader: number, joiner: number): number | undefined {
  for (const { brokerId, commit } of world.redis.commitsInFlight) {
    for (const change of commit.changes) {
      if (brokerId !== leader || change.kind !== 'partitions') continue;
      if (change.partitions.some(({ state }) => state.isr.includes(joiner))) return commit.version;
    }
  }
  return undefined;
}

/** KIP-966: the last ISR member returns with fewer records than its followers. */
async function isrOfOneLosesItsTail(scenario: Scenario): Promise<void> {
  const [leader, ...followers] = [0, 1, 2];
  await scenario.createTopic([leader, ...followers]);
  await scenario.produced('committed', leader);
  const machine = scenario.machine(leader);
  machine.holdSyncs('.log');
  const lost = scenario.produce('never-synced-by-its-leader', leader);
  const haveIt = (): boolean => followers.every((id) => scenario.hasWritten(id, lost));
  await scenario.reach('its followers have a record that the leader has not synced', haveIt);
  await scenario.never(
    'it is committed',
    () => [leader, ...followers].some((id) => scenario.highWatermarkOf(id) > 1),
    500,
  );
  for (const id of followers) scenario.machine(id).kill();
  await scenario.reach('the ISR is only the leader', () => isIsr(scenario, [leader]));

  const { leaderEpoch } = scenario.partition;
  machine.losePower(LOSES_ALL);
  machine.resetSpeed();
  machine.start();
  const leads = (): boolean =>
    scenario.partition.leaderEpoch > leaderEpoch && scenario.partition.leader === leader;
  await scenario.reach('it leads again, in a new epoch', leads);
  await scenario.reach('its log is served', () => scenario.logEndOf(leader) >= 0);
  scenario.holds('its tail is lost', scenario.logEndOf(leader) === 1);
  const other = await scenario.produced('in-its-place', leader, '1');
  scenario.holds('another record has its offset', other.place?.offset === 1);
  await scenario.never(
    'an ISR of one commits a record that needs two',
    () => scenario.highWatermarkOf(leader) > 1,
    LEASE_MS,
  );
  for (const id of followers) scenario.machine(id).start();
  const haveOther = (): boolean => followers.every((id) => scenario.hasWritten(id, other));
  await scenario.reach('its followers have the other record at that offset', haveOther);
}

/** Redis returns with an ISR that counts a replica without records that were acknowledged since. */
async function rollbackOfAShrink(scenario: Scenario): Promise<void> {
  const [leader, member, removed] = [0, 1, 2];
  const { world } = scenario;
  await scenario.createTopic([leader, removed, member]);
  await scenario.produced('in-all', leader);
  const beforeMs = world.nowMs;
  scenario.cut(removed, leader);
  scenario.cut(removed, member);
  await scenario.reach('a follower has left the ISR', () => isIsr(scenario, [leader, member]));
  const without = await scenario.produced('without-the-removed-one', leader);

  for (const id of [leader, member]) scenario.machine(id).kill();
  world.redis.failOver(world.nowMs - beforeMs);
  scenario.holds('Redis counts it again', scenario.partition.isr.includes(removed));
  scenario.heal(removed, leader);
  scenario.heal(removed, member);
  await scenario.never(
    'it is elected without an acknowledged record',
    () => scenario.partition.leader === removed || scenario.hasWritten(removed, without),
    3 * LEASE_MS,
  );
  scenario.machine(member).start();
  const isElected = (): boolean => scenario.partition.leader === member;
  await scenario.reach('the in-sync replica is elected when it is back', isElected);
  scenario.holds(
    'the ISR is the absent leader and the elected replica',
    isIsr(scenario, [leader, member]),
  );
}

/** The same, but only the leader has the removal on its disk. */
async function rollbackOfAnUnprovenShrink(scenario: Scenario): Promise<void> {
  const [leader, removed, member] = [0, 1, 2];
  const { world } = scenario;
  await scenario.createTopic([leader, removed, member]);
  await scenario.produced('in-all', leader);
  const beforeMs = world.nowMs;
  for (const id of [member, removed]) world.redis.holdCommitsOf(id);
  scenario.cut(removed, leader);
  scenario.cut(removed, member);
  const without = scenario.produce('without-the-removed-one', leader);
  await scenario.reach('a follower has left the ISR', () => isIsr(scenario, [leader, member]));
  const { version } = world.state;
  await scenario.reach('the leader knows this', () => scenario.journaledBy(leader) >= version);
  await scenario.never(
    'a record is acknowledged that the removed replica lacks',
    () => without.fate === 'acknowledged' || scenario.highWatermarkOf(leader) > 1,
    500,
  );
  scenario.holds('all remaining replicas have it', scenario.hasWritten(member, without));
  scenario.holds(
    'the other replica does not know the removal',
    scenario.journaledBy(member) < version,
  );

  scenario.machine(leader).kill();
  world.redis.failOver(world.nowMs - beforeMs);
  for (const id of [member, removed]) world.redis.releaseCommitsOf(id);
  scenario.heal(removed, leader);
  scenario.heal(removed, member);
  const isElected = (): boolean => scenario.partition.leader === removed;
  await scenario.reach('the removed replica is elected', isElected);
}

/** Makes the second replica the leader, by a restart of the first, and commits one record. */
async function leadBySecondReplica(scenario: Scenario): Promise<void> {
  await scenario.createTopic([0, 1, 2]);
  await scenario.restart(0);
  await scenario.reach('its second replica leads', () => scenario.partition.leader === 1);
  await scenario.produced('committed', 1);
  const knowAll = (): boolean => [0, 1, 2].every((id) => scenario.highWatermarkOf(id) === 1);
  await scenario.reach('all replicas know it as committed', knowAll);
}

function isIsr({ partition }: Scenario, members: readonly number[]): boolean {
  const { isr } = partition;
  return isr.length === members.length && members.every((id) => isr.includes(id));
}
