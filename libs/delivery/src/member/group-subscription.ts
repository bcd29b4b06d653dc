/**
 * A subscription whose partitions a consumer group assigns: a member of that group for as long as
 * its connection is open.
 *
 * Life cycle: `open` joins the group; `start` begins to deliver. Later views of the group add and
 * take away partitions. A partition that the group revokes is not delivered any more at once; it is
 * released when what the member acknowledged of it is committed and, with `revokeAck`, when the
 * client has released it. A member whose session was over, because its broker was frozen or cut
 * off, joins again by itself, unless it has an instanceId: another process may have that by then.
 *
 * A member whose client shows no sign of life for its session time-out leaves the group, and its
 * connection ends. So does a member whose client has records to acknowledge, or no credit left, and
 * does nothing for `maxPollIntervalMs`; its connection stays.
 *
 * Overlap: every call may come while a heartbeat, a commit or a join is under way. Their answers
 * have no effect after `close`.
 */

import type { MemberHeartbeat, MemberJoin, MemberOffset, MemberView } from '#broker';
import { ProtocolError, type TopicPartition } from '#protocol';
import type { RecordFormat } from '#record-json';
import { textMemoryBytes } from '#runtime';
import type { RecordRun } from '../record-run.js';
import type { AutoOffsetReset, PartitionPosition } from '../start-position.js';
import { Subscription, type SubscriptionTransport } from '../subscription.js';
import { AutoCommit } from './auto-commit.js';
import { ClientIdleness } from './client-idleness.js';
import { ClientSilence, type WatchedClient } from './client-silence.js';
import type { GroupMemberships } from './group-memberships.js';
import type { HeartbeatMember } from './member-heartbeats.js';
import { type OwnedPartition, OwnedPartitions } from './owned-partitions.js';

export interface GroupSubscriptionRequest extends Omit<MemberJoin, 'memberId'> {
  readonly group: string;
  readonly autoOffsetReset: AutoOffsetReset;
  /** True: granting credit commits the records that were delivered before. */
  readonly autoCommit: boolean;
  /** True: revoked partitions move after the client has released them, or after a time. */
  readonly revokeAck: boolean;
  readonly maxPollIntervalMs: number;
  readonly format: RecordFormat;
  /** Records to deliver before the client grants more; undefined: unlimited. */
  readonly creditRecords?: number | undefined;
}

/** The transport of a member. */
export interface MemberTransport extends SubscriptionTransport, WatchedClient {
  /**
   * Reports partitions of which nothing more is delivered.
   * @param deadlineMs time that the client has to release them, ms; undefined: they have moved
   */
  revoked(targets: readonly TopicPartition[], deadlineMs: number | undefined): void;
}

/** Heap bytes of a member without its partitions and texts. */
const MEMBER_BYTES = 1200;

export class GroupSubscription implements SubscriptionTransport, HeartbeatMember {
  readonly memoryBytes: number;
  readonly #memberships: GroupMemberships;
  readonly #request: GroupSubscriptionRequest;
  readonly #transport: MemberTransport;
  readonly #memberId: string;
  readonly #owned = new OwnedPartitions();
  readonly #silence: ClientSilence;
  readonly #idleness = new ClientIdleness();
  #autoCommit: AutoCommit | undefined;
  #subscription: Subscription | undefined;
  /** The last view of the group. */
  #view: MemberView | undefined;
  #isClosed = false;

  private constructor(
    memberships: GroupMemberships,
    request: GroupSubscriptionRequest,
    transport: MemberTransport,
  ) {
    this.#memberships = memberships;
    this.#request = request;
    this.#transport = transport;
    this.#memberId = memberships.random.uuid();
    this.#silence = new ClientSilence(transport);
    this.memoryBytes = transport.memoryBytes + memoryOf(request);
  }

  /**
   * Joins the group.
   * @throws ProtocolError of the group; POLICY_VIOLATION; as Subscription.open
   */
  static async open(
    memberships: GroupMemberships,
    request: GroupSubscriptionRequest,
    transport: MemberTransport,
  ): Promise<GroupSubscription> {
    const member = new GroupSubscription(memberships, request, transport);
    if (request.autoCommit) member.#autoCommit = member.#newAutoCommit();
    await member.#open();
    return member;
  }

  get principal(): string {
    return this.#transport.principal;
  }

  get group(): string {
    return this.#request.group;
  }

  get maxPollIntervalMs(): number {
    return this.#request.maxPollIntervalMs;
  }

  /** Next offset of each partition that is read. */
  positions(): PartitionPosition[] {
    return this.#subscription?.positions() ?? [];
  }

  start(): void {
    this.#subscription?.start();
  }

  resume(): void {
    this.#subscription?.resume();
  }

  /**
   * Grants more records; with `autoCommit` this acknowledges the oldest ones.
   * @throws ProtocolError POLICY_VIOLATION
   */
  grant(records: number): void {
    this.#idleness.acted();
    this.#autoCommit?.granted(records);
    this.#subscription?.grant(records);
  }

  /** @throws ProtocolError as Subscription.seek */
  async seek(position: PartitionPosition): Promise<void> {
    this.#idleness.acted();
    await this.#subscription?.seek(position);
    const owned = this.#owned.of(position);
    if (owned === undefined) return;
    owned.lowestCommit = Math.min(owned.lowestCommit, position.offset);
  }

  startFrom(target: TopicPartition): void {
    this.#subscription?.startFrom(target);
  }

  /**
   * Commits offsets of partitions that the member owns, all or none.
   * @throws ProtocolError ILLEGAL_GENERATION when one of them is not its own any more
   */
  commit(offsets: readonly MemberOffset[]): Promise<void> {
    this.#idleness.acted();
    return this.#commit(offsets);
  }

  async #commit(offsets: readonly MemberOffset[]): Promise<void> {
    for (const offset of offsets) this.#assertOwned(offset);
    const { group } = this.#request;
    const memberId = this.#memberId;
    const generation = this.#generation;
    try {
      await this.#memberships.commit({ group, memberId, generation, offsets });
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      // The next heartbeat learns what has changed.
      this.#memberships.heartbeat(this);
      if (error.code !== 'UNKNOWN_MEMBER_ID') throw error;
      throw new ProtocolError(
        'ILLEGAL_GENERATION',
        'The session of this member was over. Nothing was committed.',
        { cause: error },
      );
    }
  }

  /** The client has finished with revoked partitions; others are ignored. */
  release(targets: readonly TopicPartition[]): void {
    this.#idleness.acted();
    void this.#release(targets);
  }

  /**
   * Ends the subscription. A member without instanceId leaves its group when what it acknowledged
   * is committed.
   */
  close(): void {
    if (!this.#end()) return;
    const { group, instanceId } = this.#request;
    const after = this.#settled();
    if (instanceId === undefined) void this.#memberships.leave(group, this.#memberId, { after });
  }

  /**
   * Ends the subscription, and leaves the group when what it acknowledged is committed. Never
   * rejects.
   */
  async leave(): Promise<void> {
    if (!this.#end()) return;
    const after = this.#settled();
    await this.#memberships.leave(this.#request.group, this.#memberId, { after });
  }

  isServed(elapsedMs: number): boolean {
    const { sessionTimeoutMs = Number.POSITIVE_INFINITY } = this.#view ?? {};
    if (this.#silence.isOver(elapsedMs, sessionTimeoutMs)) {
      this.#memberships.silent();
      void this.leave();
      this.#transport.drop();
    } else if (this.#idleness.isOver(elapsedMs, this.maxPollIntervalMs, this.#owesAct())) {
      this.#memberships.overdue();
      void this.leave();
      this.#transport.ended(overdueError(this.maxPollIntervalMs));
    }
    return !this.#isClosed;
  }

  heartbeat(): MemberHeartbeat {
    const { group } = this.#request;
    const isReleased = this.#isRevoking && !this.#owned.hasRevoked;
    return { group, memberId: this.#memberId, generation: isReleased ? this.#generation : null };
  }

  answered(view: MemberView): void {
    // The coordinator at this broker answers the same view while nothing changes.
    if (this.#isClosed || (view === this.#view && !this.#isRevoking)) return;
    const { revokeAck, maxPollIntervalMs } = this.#request;
    const { assigned, revoked, lost } = this.#take(view);
    this.#stopReading(revoked, revokeAck ? maxPollIntervalMs : undefined);
    this.#stopReading(lost, undefined);
    if (assigned.length > 0) this.#read(assigned);
    if (this.#isRevoking) void this.#release(revokeAck ? [] : revoked);
  }

  refused(error: ProtocolError): void {
    if (this.#isClosed) return;
    if (error.code === 'UNKNOWN_MEMBER_ID' && this.#request.instanceId === undefined) {
      void this.#rejoin();
      return;
    }
    if (error.code === 'FENCED_MEMBER_EPOCH') this.#memberships.fenced();
    this.#end();
    this.#autoCommit?.close();
    this.#transport.ended(error);
  }

  hasRoom(): boolean {
    return this.#transport.hasRoom();
  }

  /** Hot. */
  deliver(run: RecordRun): void {
    this.#autoCommit?.delivered(run);
    this.#transport.deliver(run);
  }

  assigned(positions: readonly PartitionPosition[]): void {
    this.#transport.assigned(positions);
  }

  reset(position: PartitionPosition, cause: ProtocolError): void {
    const owned = this.#owned.of(position);
    if (owned !== undefined) owned.lowestCommit = Math.min(owned.lowestCommit, position.offset);
    this.#transport.reset(position, cause);
  }

  stopped(target: TopicPartition, error: unknown): void {
    if (!this.#isClosed) this.#transport.stopped(target, error);
  }

  ended(error: ProtocolError): void {
    this.#transport.ended(error);
  }

  async #open(): Promise<void> {
    const { group, autoOffsetReset, creditRecords, format } = this.#request;
    const { delivery } = this.#memberships;
    const first = { topics: [], from: 'earliest' } as const;
    const request = { ...first, autoOffsetReset, creditRecords, format };
    this.#subscription = await Subscription.open(delivery, request, this);
    try {
      const view = await this.#memberships.join(group, this.#join());
      this.#subscription.assign(this.#take(view).assigned);
      this.#memberships.add(group, this, view);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #join(): MemberJoin {
    const { group: _, revokeAck: __, creditRecords: ___, format: ____, ...join } = this.#request;
    return { ...join, memberId: this.#memberId };
  }

  /** True when the client has records to acknowledge, or gets none until it grants credit. */
  #owesAct(): boolean {
    if (this.#autoCommit !== undefined) return this.#autoCommit.unacknowledged > 0;
    return this.#subscription?.isCreditUsed ?? false;
  }

  #take(view: MemberView): ReturnType<OwnedPartitions['update']> {
    this.#view = view;
    return this.#owned.update(view);
  }

  /** Generation of the last view. */
  get #generation(): number {
    return this.#view?.generation ?? 0;
  }

  /** True when the last view names partitions to release. */
  get #isRevoking(): boolean {
    return this.#view !== undefined && this.#view.revoking.length > 0;
  }

  #read(positions: readonly PartitionPosition[]): void {
    this.#transport.assigned(positions);
    try {
      this.#subscription?.assign(positions);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      void this.leave();
      this.#transport.ended(error);
    }
  }

  #stopReading(targets: readonly OwnedPartition[], deadlineMs: number | undefined): void {
    if (targets.length === 0) return;
    this.#subscription?.revoke(targets);
    this.#transport.revoked(targets, deadlineMs);
  }

  /** Releases revoked partitions once what is acknowledged of them is committed. Never rejects. */
  async #release(targets: readonly TopicPartition[]): Promise<void> {
    await this.#autoCommit?.settled();
    this.#owned.release(targets);
    if (!this.#isClosed && this.#isRevoking && !this.#owned.hasRevoked) {
      this.#memberships.heartbeat(this);
    }
  }

  /** Never rejects. */
  async #rejoin(): Promise<void> {
    const { group } = this.#request;
    this.#memberships.remove(group, this);
    this.#stopReading(this.#owned.clear(), undefined);
    try {
      const view = await this.#memberships.rejoin(group, this.#join(), () => !this.#isClosed);
      if (this.#isClosed) {
        await this.#memberships.leave(group, this.#memberId);
      } else {
        this.#memberships.add(group, this, view);
        this.answered(view);
      }
    } catch (error) {
      this.#autoCommit?.close();
      if (this.#end() && error instanceof ProtocolError) this.#transport.ended(error);
    }
  }

  /** @returns false when it has ended before */
  #end(): boolean {
    if (this.#isClosed) return false;
    this.#isClosed = true;
    this.#memberships.remove(this.#request.group, this);
    this.#subscription?.close();
    return true;
  }

  /** Resolves when what the member acknowledged is committed, or after a time. Never rejects. */
  async #settled(): Promise<void> {
    if (this.#autoCommit === undefined) return;
    await this.#memberships.finish(this.#autoCommit.settled());
    this.#autoCommit.close();
  }

  /** @throws ProtocolError ILLEGAL_GENERATION */
  #assertOwned({ topic, partition, offset }: MemberOffset): void {
    const name = `partition ${partition} of topic "${topic}"`;
    const owned = this.#owned.of({ topic, partition });
    if (owned !== undefined && offset >= owned.lowestCommit) return;
    throw new ProtocolError(
      'ILLEGAL_GENERATION',
      owned === undefined
        ? `This member does not own ${name}. Nothing was committed.`
        : `Offset ${offset} of ${name} is below ${owned.lowestCommit}, from where this member ` +
            'reads it: the commit is about an earlier assignment. Nothing was committed.',
    );
  }

  #newAutoCommit(): AutoCommit {
    const memberships = this.#memberships;
    const { scheduler, random } = memberships.delivery;
    return new AutoCommit(
      {
        ownedOf: (target) => this.#owned.of(target),
        unacknowledgedMax: memberships.options.memberUnacknowledgedRecordsMax,
        commit: (offsets) => {
          return this.#commit(
            [...offsets].map(([{ topic, partition, leaderEpoch }, offset]) => {
              const epoch = leaderEpoch === undefined ? {} : { leaderEpoch };
              return { topic, partition, offset, ...epoch };
            }),
          );
        },
        onRefused: (owned, error) => this.stopped(owned, error),
        scheduler,
        random,
      },
      this.#request.creditRecords ?? 0,
    );
  }
}

function overdueError(maxPollIntervalMs: number): ProtocolError {
  return new ProtocolError(
    'UNKNOWN_MEMBER_ID',
    'This member has left its group: it had records to acknowledge, or no credit left, and sent ' +
      `nothing about this subscription for ${maxPollIntervalMs} ms (maxPollIntervalMs). Its ` +
      'partitions have moved. Subscribe again to join.',
  );
}

function memoryOf({ group, instanceId = '', topics }: GroupSubscriptionRequest): number {
  const texts = topics.map((topic) => (typeof topic === 'string' ? topic : topic.pattern));
  const bytes = [group, instanceId, ...texts].map(textMemoryBytes);
  return bytes.reduce((total, each) => total + each, MEMBER_BYTES);
}
