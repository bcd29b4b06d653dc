/**
 * One consumer group, as its records in the log say: committed offsets, members, the assignment,
 * configs.
 *
 * It changes only through `apply`, which takes the records of the log in their order; a coordinator
 * that loads the log has the same group. It has no clock and no I/O. The functions of the files
 * `decide-*.ts` return the records that a request causes.
 *
 * Invariant: a partition is owned by at most one member.
 */
import { assertNever, detachedText, textMemoryBytes } from '#runtime';
import type {
  AssignmentRecord,
  CredentialRecord,
  GroupMode,
  GroupRecord,
  GroupValue,
  KnownTopicValue,
  MemberRecord,
  MemberValue,
  RedriveRecord,
} from '../log/group-records.js';
import { GroupOffsets } from '../offsets/group-offsets.js';
import { QueueShares } from '../queue/queue-shares.js';
import type { RedriveState } from '../queue/redrive-state.js';
import type { ShareTimes } from '../queue/share-context.js';
import type { ShareRecord } from '../queue/share-log-records.js';
import { type GroupState, nextState } from './group-state.js';
import { MemberAssignment } from './member-assignment.js';

const NO_HEAD: GroupValue = { mode: null, generation: 0, emptySinceMs: null };

/* Bytes of heap without the texts, rounded up. */
/** A group without members. */
const GROUP_BYTES = 480;
/** The collections of a group with members. */
const COLLECTIONS_BYTES = 1400;
const MEMBER_BYTES = 700;
/** The credential of a member. */
const CREDENTIAL_BYTES = 100;
/** A known topic, or a pattern. */
const NAME_BYTES = 200;
const REDRIVE_BYTES = 400;
/** A number in a redrive or in a list of leader epochs. */
const NUMBER_BYTES = 8;

const NO_TIME = (): ShareTimes => ({ nowMs: 0, monotonicMs: 0 });
const NO_SHARES = new QueueShares(NO_TIME);

/** The collections of a group that is more than a list of offsets. */
class GroupCollections {
  readonly members = new Map<string, MemberValue>();
  readonly assignments = new Map<string, MemberAssignment>();
  readonly credentials = new Map<string, number>();
  /** Member ids by instance id. */
  readonly instances = new Map<string, string>();
  /** Member ids of fenced processes, each with the member that took its instance id. */
  readonly replaced = new Map<string, string>();
  readonly knownTopics = new Map<string, KnownTopicValue>();
  readonly patterns = new Set<string>();
  configs: ReadonlyMap<string, string> = new Map();
  /** Share partitions of a queue group. */
  queue = NO_SHARES;
  readonly redrives = new Map<string, Redrive>();
}

/** The progress in a partition of a dead-letter topic. */
interface Redrive {
  readonly topic: string;
  readonly partition: number;
  readonly state: RedriveState;
}

/** Shared by all groups that are lists of offsets. Never written to. */
const NOTHING = new GroupCollections();

export class Group {
  readonly name: string;
  readonly offsets = new GroupOffsets();
  #collections = NOTHING;
  #head: GroupValue | undefined;
  /** Highest generation in any record. */
  #generation = 0;
  #state: GroupState = 'Dead';
  #unsettled = 0;
  #stateBytes = 0;
  #appliedCount = 0;

  readonly #times: () => ShareTimes;

  /** @param times clocks that the locks and delays of a queue run by */
  constructor(name: string, times: () => ShareTimes = NO_TIME) {
    this.#times = times;
    // The name may have been cut from the URL of a request.
    this.name = detachedText(name);
  }

  get state(): GroupState {
    return this.#state;
  }

  /** Number of changes of the assignment; 0 before the first member. */
  get generation(): number {
    return this.#generation;
  }

  get mode(): GroupMode | null {
    return this.#head?.mode ?? null;
  }

  /** Time since which it has no members; null while it has some and where it never had any. */
  get emptySinceMs(): number | null {
    return this.#head?.emptySinceMs ?? null;
  }

  get members(): ReadonlyMap<string, MemberValue> {
    return this.#collections.members;
  }

  /** Members that have an assignment in the log. */
  get assignments(): ReadonlyMap<string, MemberAssignment> {
    return this.#collections.assignments;
  }

  /**
   * Times at which the latest credentials of members expire, ms since the epoch, by member id.
   * Members with a connection, and those whose credential does not expire, are not among them.
   */
  get credentials(): ReadonlyMap<string, number> {
    return this.#collections.credentials;
  }

  get knownTopics(): ReadonlyMap<string, KnownTopicValue> {
    return this.#collections.knownTopics;
  }

  /** Patterns that members of the group have subscribed to. */
  get patterns(): ReadonlySet<string> {
    return this.#collections.patterns;
  }

  get configs(): ReadonlyMap<string, string> {
    return this.#collections.configs;
  }

  /** Share partitions of a queue group; empty for others. */
  get queue(): QueueShares {
    return this.#collections.queue;
  }

  /** Progress of putting dead letters back, by dead-letter topic and partition. */
  get redrives(): ReadonlyMap<string, Redrive> {
    return this.#collections.redrives;
  }

  /** Number of records that were applied: while it stays, the group has not changed. */
  get appliedCount(): number {
    return this.#appliedCount;
  }

  /** True when nothing of the group is in the log. */
  get isForgotten(): boolean {
    if (this.#head !== undefined || this.offsets.count > 0) return false;
    const { members, assignments, credentials, knownTopics, patterns, configs, queue, redrives } =
      this.#collections;
    if (members.size + assignments.size + credentials.size > 0) return false;
    if (queue.count + redrives.size > 0) return false;
    return knownTopics.size + patterns.size + configs.size === 0;
  }

  /** Accounted bytes of members, subscriptions, assignments, configs and the queue. */
  get stateBytes(): number {
    return this.#stateBytes + this.queue.sizeBytes;
  }

  /** Accounted bytes of the name and the committed offsets. */
  get offsetBytes(): number {
    return GROUP_BYTES + textMemoryBytes(this.name) + this.offsets.sizeBytes;
  }

  assignmentOf(memberId: string): MemberAssignment {
    return this.#collections.assignments.get(memberId) ?? MemberAssignment.empty;
  }

  memberOfInstance(instanceId: string): string | undefined {
    return this.#collections.instances.get(instanceId);
  }

  /** The member that took the instance id of a process; undefined when the id is not fenced. */
  replacementOf(memberId: string): string | undefined {
    return this.#collections.replaced.get(memberId);
  }

  /** Applies the next record of the log that has this group in its key. */
  apply(record: GroupRecord): void {
    this.#appliedCount += 1;
    this.#applyRecord(record);
    if (this.isForgotten) this.#forget();
    else if (this.#state === 'Dead') this.#state = nextState(this.#state, 'created');
  }

  #forget(): void {
    this.#state = nextState(this.#state, 'removed');
    this.#collections = NOTHING;
    this.#stateBytes = 0;
    this.#unsettled = 0;
  }

  #applyRecord(record: GroupRecord): void {
    if (record.kind !== 'offset' && this.#collections === NOTHING) {
      this.#collections = new GroupCollections();
      this.#stateBytes += COLLECTIONS_BYTES;
    }
    switch (record.kind) {
      case 'offset':
        this.offsets.set(record.key, record.value);
        return;
      case 'group':
        this.#applyHead(record.value);
        return;
      case 'configs':
        this.#collections.configs = new Map(
          record.value?.configs.map(({ name, value }) => [name, value]),
        );
        return;
      case 'topic':
        this.#applyKnownTopic(record.key.topic, record.value);
        return;
      case 'pattern':
        this.#applyPattern(record.key.pattern, record.value !== null);
        return;
      case 'member':
        this.#applyMember(record);
        return;
      case 'assignment':
        this.#applyAssignment(record);
        return;
      case 'credential':
        this.#applyCredential(record);
        return;
      case 'redrive':
        this.#applyRedrive(record);
        return;
      case 'share-snapshot':
      case 'share-delta':
        this.#applyShare(record);
        return;
      default:
        assertNever(record, 'a record of the offsets topic');
    }
  }

  #applyHead(value: GroupValue | null): void {
    const before = this.#generation;
    this.#head = value ?? undefined;
    if (value === null) {
      this.#generation = 0;
      return;
    }
    this.#generation = Math.max(before, value.generation);
    if (value.generation <= before && this.#state !== 'Assigning') return;
    const isSettled = this.#unsettled === 0;
    this.#state = nextState(this.#state, isSettled ? 'assignedFully' : 'assignedPartly');
  }

  #applyKnownTopic(topic: string, value: KnownTopicValue | null): void {
    const { knownTopics } = this.#collections;
    const before = knownTopics.get(topic);
    if (before !== undefined) this.#stateBytes -= knownTopicBytes(topic, before);
    if (value === null) {
      knownTopics.delete(topic);
      return;
    }
    this.#stateBytes += knownTopicBytes(topic, value);
    knownTopics.set(topic, value);
  }

  #applyPattern(pattern: string, isKnown: boolean): void {
    const bytes = NAME_BYTES + textMemoryBytes(pattern);
    if (this.#collections.patterns.has(pattern) === isKnown) return;
    this.#stateBytes += isKnown ? bytes : -bytes;
    if (isKnown) this.#collections.patterns.add(pattern);
    else this.#collections.patterns.delete(pattern);
  }

  #applyShare(record: ShareRecord): void {
    const collections = this.#collections;
    if (collections.queue === NO_SHARES) collections.queue = new QueueShares(this.#times);
    collections.queue.apply(record);
  }

  #applyRedrive({ key: { topic, partition }, value }: RedriveRecord): void {
    const key = `${topic} ${partition}`;
    this.#stateBytes -= redriveBytes(this.#collections.redrives.get(key));
    if (value === null) this.#collections.redrives.delete(key);
    else this.#collections.redrives.set(key, { topic, partition, state: value });
    this.#stateBytes += redriveBytes(this.#collections.redrives.get(key));
  }

  #applyMember({ key: { memberId }, value }: MemberRecord): void {
    const before = this.#collections.members.get(memberId);
    if (before !== undefined) {
      this.#stateBytes -= memberBytes(memberId, before);
      this.#forgetNames(memberId, before);
    }
    if (value === null) {
      this.#collections.members.delete(memberId);
    } else {
      this.#collections.members.set(memberId, value);
      this.#stateBytes += memberBytes(memberId, value);
      if (value.instanceId !== null) this.#collections.instances.set(value.instanceId, memberId);
      for (const one of value.replaced) this.#collections.replaced.set(one, memberId);
    }
    const event = this.#collections.members.size === 0 ? 'lastMemberLeft' : 'membersChanged';
    this.#state = nextState(this.#state, event);
  }

  #forgetNames(memberId: string, { instanceId, replaced }: MemberValue): void {
    if (instanceId !== null && this.#collections.instances.get(instanceId) === memberId) {
      this.#collections.instances.delete(instanceId);
    }
    for (const one of replaced) {
      if (this.#collections.replaced.get(one) === memberId) this.#collections.replaced.delete(one);
    }
  }

  #applyCredential({ key: { memberId }, value }: CredentialRecord): void {
    const { credentials } = this.#collections;
    const bytes = CREDENTIAL_BYTES + textMemoryBytes(memberId);
    if (credentials.has(memberId)) this.#stateBytes -= bytes;
    if (value === null) {
      credentials.delete(memberId);
      return;
    }
    credentials.set(memberId, value.expiresAtMs);
    this.#stateBytes += bytes;
  }

  #applyAssignment({ key: { memberId }, value }: AssignmentRecord): void {
    const before = this.#collections.assignments.get(memberId);
    if (before !== undefined) {
      this.#stateBytes -= before.sizeBytes;
      if (!before.isSettled) this.#unsettled -= 1;
    }
    if (value === null) {
      this.#collections.assignments.delete(memberId);
    } else {
      const assignment = new MemberAssignment(value);
      this.#collections.assignments.set(memberId, assignment);
      this.#stateBytes += assignment.sizeBytes;
      if (!assignment.isSettled) this.#unsettled += 1;
      this.#generation = Math.max(this.#generation, highestGeneration(assignment));
    }
    const isSettled = this.#unsettled === 0;
    this.#state = nextState(this.#state, isSettled ? 'releasedFully' : 'releasedPartly');
  }

  /** The newest group record, or the one that a group without members and records has. */
  get head(): GroupValue {
    return this.#head ?? NO_HEAD;
  }
}

/**
 * Returns the highest generation in an assignment. A crash may have cut off the last batches of a
 * change, and with them the group's own record: then the assignment alone has the generation.
 */
function highestGeneration({ value }: MemberAssignment): number {
  let highest = value.generation;
  for (const { since } of value.owned) {
    for (const generation of since) highest = Math.max(highest, generation);
  }
  return highest;
}

function knownTopicBytes(topic: string, { leaderEpochs = [] }: KnownTopicValue): number {
  return NAME_BYTES + textMemoryBytes(topic) + NUMBER_BYTES * leaderEpochs.length;
}

function redriveBytes(redrive: Redrive | undefined): number {
  if (redrive === undefined) return 0;
  const { topic, state } = redrive;
  const numbers = state.waiting.length + (state.plan?.ranges.length ?? 0);
  return REDRIVE_BYTES + textMemoryBytes(topic) + numbers * NUMBER_BYTES;
}

function memberBytes(memberId: string, value: MemberValue): number {
  const { topics, patterns, replaced, instanceId, clientId, owner } = value;
  const names = [memberId, instanceId ?? '', clientId ?? '', owner?.principal ?? ''];
  const texts = [...names, ...topics, ...patterns, ...replaced, ...(owner?.groups ?? [])];
  return texts.reduce((bytes, text) => bytes + textMemoryBytes(text), MEMBER_BYTES);
}
