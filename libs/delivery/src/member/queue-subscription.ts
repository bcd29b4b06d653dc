/**
 * A subscription of a member of a queue group: records that the member has under lock are pushed to
 * it, until it acknowledges them, gives them back or rejects them.
 *
 * The member has at most as many records as it was granted credit for; a record that it is done
 * with, or whose lock is over, gives its credit back. Without credit the bound of the broker
 * applies.
 *
 * Life cycle: `open` joins the group; `start` begins to deliver. A member whose session was over,
 * because its broker was frozen or cut off, joins again by itself, unless it has an instanceId. A
 * member whose client shows no sign of life for its session time-out leaves the group, and its
 * connection ends. The locks bound the time that a client has for its records.
 *
 * Overlap: every call may come while a delivery, a heartbeat, an ack or a join is under way. Their
 * answers have no effect after `close`.
 */
import type {
  MemberHeartbeat,
  MemberJoin,
  MemberView,
  QueueAck,
  QueueAckResult,
  QueueDelivering,
  QueueRead,
  QueueReceiver,
} from '#broker';
import { ProtocolError, type TopicPartition } from '#protocol';
import { type RecordFormat, renderQueueRecords } from '#record-json';
import { textMemoryBytes } from '#runtime';
import { RecordRun } from '../record-run.js';
import type { PartitionPosition } from '../start-position.js';
import type { SubscriptionTransport } from '../subscription.js';
import { ClientSilence, type WatchedClient } from './client-silence.js';
import type { GroupMemberships } from './group-memberships.js';
import { type ExpiringRecords, LockedRecords } from './locked-records.js';
import type { HeartbeatMember } from './member-heartbeats.js';
import { OwnedPartitions } from './owned-partitions.js';
import { PendingAcks } from './pending-acks.js';

export interface QueueSubscriptionRequest extends Omit<MemberJoin, 'memberId' | 'mode'> {
  readonly group: string;
  readonly format: RecordFormat;
  /** Records that the member may have at first; undefined: as many as the broker allows. */
  readonly creditRecords?: number | undefined;
  /** True if the transport is called for records whose locks end soon. */
  readonly expiring: boolean;
}

/** The transport of a member of a queue. */
export interface QueueTransport
  extends WatchedClient,
    Pick<
      SubscriptionTransport,
      'memoryBytes' | 'principal' | 'hasRoom' | 'deliver' | 'assigned' | 'stopped' | 'ended'
    > {
  /** Reports partitions that the member gets no more records of. */
  revoked(targets: readonly TopicPartition[], deadlineMs: undefined): void;
  /** Reports records whose locks end soon. */
  expiring(records: ExpiringRecords): void;
}

/** Heap bytes of a member without its records and texts. */
const MEMBER_BYTES = 1600;

export class QueueSubscription implements HeartbeatMember, QueueReceiver {
  readonly memberId: string;
  readonly memoryBytes: number;
  readonly maxPollIntervalMs = Number.POSITIVE_INFINITY;
  readonly #memberships: GroupMemberships;
  readonly #request: QueueSubscriptionRequest;
  readonly #transport: QueueTransport;
  readonly #held: LockedRecords;
  readonly #acks: PendingAcks;
  readonly #assigned = new OwnedPartitions();
  readonly #silence: ClientSilence;
  #creditRecords: number;
  #delivering: QueueDelivering | undefined;
  /** The last view of the group. */
  #view: MemberView | undefined;
  #isJoined = false;
  #isStarted = false;
  #isClosed = false;

  private constructor(
    memberships: GroupMemberships,
    request: QueueSubscriptionRequest,
    transport: QueueTransport,
  ) {
    const { random, delivery, options } = memberships;
    this.#memberships = memberships;
    this.#request = request;
    this.#transport = transport;
    this.memberId = random.uuid();
    this.memoryBytes = MEMBER_BYTES + transport.memoryBytes + textBytesOf(request);
    this.#creditRecords = 0;
    this.#silence = new ClientSilence(transport);
    this.#acks = new PendingAcks((acks) => this.#send(acks));
    this.#held = new LockedRecords({
      scheduler: delivery.scheduler,
      onExpiring: request.expiring ? (records) => transport.expiring(records) : undefined,
      onCount: (change) => memberships.countQueueRecords(change),
      onExpired: () => this.#delivering?.roomAgain(),
    });
    this.#widen(request.creditRecords ?? options.memberUnacknowledgedRecordsMax);
  }

  get principal(): string {
    return this.#transport.principal;
  }

  /**
   * Joins the group.
   * @throws ProtocolError of the group; POLICY_VIOLATION for too much credit;
   *   THROTTLING_QUOTA_EXCEEDED when subscriptions take too much memory
   */
  static async open(
    memberships: GroupMemberships,
    request: QueueSubscriptionRequest,
    transport: QueueTransport,
  ): Promise<QueueSubscription> {
    const member = new QueueSubscription(memberships, request, transport);
    memberships.delivery.addMember(member);
    try {
      const view = await memberships.join(request.group, member.#join());
      member.#take(view);
      member.#joined(view);
    } catch (error) {
      member.close(false);
      throw error;
    }
    return member;
  }

  get group(): string {
    return this.#request.group;
  }

  /** The partitions of the group, each with the offset from which the group began. */
  positions(): PartitionPosition[] {
    return this.#assigned.positions();
  }

  start(): void {
    if (this.#isClosed) return;
    this.#isStarted = true;
    this.#receive();
  }

  /** Continues when the transport has room again. */
  resume(): void {
    this.#delivering?.roomAgain();
  }

  /** Lets the member have more records at a time. @throws ProtocolError POLICY_VIOLATION */
  grant(records: number): void {
    this.#widen(records);
    this.#delivering?.roomAgain();
  }

  /**
   * Takes acks of records.
   * @returns one result per ack, when they are durable
   * @throws ProtocolError INVALID_RECORD_STATE when the member was not in the group any more;
   *   what the call to the coordinator throws: the outcome may then be unknown
   */
  async acknowledge(acks: readonly QueueAck[]): Promise<readonly QueueAckResult[]> {
    const results = await this.#acks.add(acks);
    for (const [at, { error }] of results.entries()) {
      const ack = acks[at];
      if (ack !== undefined) this.#acknowledged(ack, error);
    }
    this.#delivering?.roomAgain();
    return results;
  }

  /**
   * Ends the subscription. A member without instanceId leaves its group.
   * @param isBroken true when the connection broke: deliveries to the member count as failed
   */
  close(isBroken: boolean): void {
    if (!this.#end()) return;
    const { group, instanceId } = this.#request;
    if (instanceId !== undefined) return;
    const after = this.#memberships.finish(this.#acks.settled());
    void this.#memberships.leave(group, this.memberId, { isBroken, after });
  }

  /**
   * Ends the subscription and leaves the group. Never rejects.
   * @param isBroken true when the client is dead: deliveries to the member count as failed
   */
  async leave(isBroken = false): Promise<void> {
    if (!this.#end()) return;
    const after = this.#memberships.finish(this.#acks.settled());
    await this.#memberships.leave(this.#request.group, this.memberId, { isBroken, after });
  }

  isServed(elapsedMs: number): boolean {
    const { sessionTimeoutMs = Number.POSITIVE_INFINITY } = this.#view ?? {};
    if (this.#silence.isOver(elapsedMs, sessionTimeoutMs)) {
      this.#memberships.silent();
      void this.leave(true);
      this.#transport.drop();
    }
    return !this.#isClosed;
  }

  heartbeat(): MemberHeartbeat {
    return { group: this.#request.group, memberId: this.memberId, generation: null };
  }

  answered(view: MemberView): void {
    // The coordinator at this broker answers the same view while nothing changes.
    if (this.#isClosed || view === this.#view) return;
    const { assigned, lost } = this.#take(view);
    if (lost.length > 0) this.#transport.revoked(lost, undefined);
    if (assigned.length > 0) this.#transport.assigned(assigned);
  }

  refused(error: ProtocolError): void {
    if (this.#isClosed) return;
    if (error.code === 'UNKNOWN_MEMBER_ID' && this.#request.instanceId === undefined) {
      void this.#rejoin();
      return;
    }
    if (error.code === 'FENCED_MEMBER_EPOCH') this.#memberships.fenced();
    this.#end();
    this.#transport.ended(error);
  }

  room(): number {
    if (this.#isClosed || !this.#transport.hasRoom()) return 0;
    return Math.max(0, this.#creditRecords - this.#held.count);
  }

  async receive(reads: readonly QueueRead[], lockMs: number): Promise<void> {
    if (this.#isClosed) return;
    for (const read of reads) this.#held.add(read, read.records, lockMs);
    for (const read of reads) {
      try {
        await this.#deliver(read);
      } catch (error) {
        // The lock ends and the delivery counts, so the record becomes a dead letter in the end.
        if (!this.#isClosed) this.#transport.stopped(read, error);
      }
    }
  }

  inGeneration(generation: number): void {
    if (generation !== (this.#view?.generation ?? 0)) this.#memberships.heartbeat(this);
  }

  unknown(): void {
    this.#memberships.heartbeat(this);
  }

  async #deliver(read: QueueRead): Promise<void> {
    const { topic, partition, highWatermark, leaderEpoch, records } = read;
    const rendered = await renderQueueRecords(read, this.#request.format);
    const first = records[0]?.offset ?? 0;
    const last = records.at(-1)?.offset ?? first;
    if (this.#isClosed || rendered.offsets.length === 0) return;
    const { delivery } = this.#memberships;
    const source = { topic, partition, highWatermark, leaderEpoch: leaderEpoch ?? 0 };
    const whole = RecordRun.of(source, first, last + 1, rendered);
    for (const run of whole.split(delivery.frameBytesMax)) {
      delivery.delivered(run);
      this.#transport.deliver(run);
    }
  }

  #acknowledged(ack: QueueAck, error: ProtocolError | undefined): void {
    const { offset, type, deliveryCount } = ack;
    if (error === undefined) {
      if (type === 'extend') this.#held.extend(ack, offset);
      else this.#held.remove(ack, offset);
      return;
    }
    if (error.code !== 'INVALID_RECORD_STATE') return;
    // The refused ack may be of an earlier delivery: the member has the record again.
    const current = this.#held.deliveryOf(ack, offset);
    if (deliveryCount === undefined || deliveryCount === current) this.#held.remove(ack, offset);
  }

  async #send(acks: readonly QueueAck[]): Promise<readonly QueueAckResult[]> {
    const { group } = this.#request;
    const { groups } = this.#memberships.delivery.broker;
    try {
      return await groups.acknowledge(group, this.memberId, acks);
    } catch (error) {
      if (!(error instanceof ProtocolError) || error.code !== 'UNKNOWN_MEMBER_ID') throw error;
      // The next heartbeat learns what has changed.
      this.#memberships.heartbeat(this);
      throw new ProtocolError(
        'INVALID_RECORD_STATE',
        'The session of this member was over: it no longer has its records.',
        { cause: error },
      );
    }
  }

  #join(): MemberJoin {
    const { group: _, format: __, creditRecords: ___, expiring: ____, ...join } = this.#request;
    return { ...join, mode: 'queue', memberId: this.memberId };
  }

  #take(view: MemberView): ReturnType<OwnedPartitions['update']> {
    this.#view = view;
    return this.#assigned.update(view);
  }

  #joined(view: MemberView): void {
    this.#isJoined = true;
    this.#memberships.keep(this, view);
    this.#receive();
  }

  /** Begins to receive records once the member has joined and was started. */
  #receive(): void {
    if (!this.#isJoined || !this.#isStarted || this.#isClosed) return;
    const { members } = this.#memberships.delivery.broker.groups;
    this.#delivering ??= members.receiveQueue(this.#request.group, this);
  }

  #stopReceiving(): void {
    this.#delivering?.end();
    this.#delivering = undefined;
    this.#isJoined = false;
    this.#held.clear();
  }

  /** Never rejects. */
  async #rejoin(): Promise<void> {
    const { group } = this.#request;
    this.#memberships.remove(group, this);
    this.#stopReceiving();
    const lost = this.#assigned.clear();
    if (lost.length > 0) this.#transport.revoked(lost, undefined);
    try {
      const view = await this.#memberships.rejoin(group, this.#join(), () => !this.#isClosed);
      if (this.#isClosed) {
        await this.#memberships.leave(group, this.memberId);
      } else {
        this.answered(view);
        this.#joined(view);
      }
    } catch (error) {
      if (this.#end() && error instanceof ProtocolError) this.#transport.ended(error);
    }
  }

  /** @returns false when it has ended before */
  #end(): boolean {
    if (this.#isClosed) return false;
    this.#isClosed = true;
    this.#stopReceiving();
    this.#memberships.remove(this.#request.group, this);
    this.#memberships.delivery.removeMember(this);
    return true;
  }

  /** @throws ProtocolError POLICY_VIOLATION */
  #widen(records: number): void {
    const { memberUnacknowledgedRecordsMax: most } = this.#memberships.options;
    if (this.#creditRecords + records > most) {
      throw new ProtocolError(
        'POLICY_VIOLATION',
        `A member of a queue has at most ${most} records that it did not acknowledge ` +
          '(SLUICE_MEMBER_UNACKNOWLEDGED_RECORDS_MAX). Grant less credit.',
        { bound: 'SLUICE_MEMBER_UNACKNOWLEDGED_RECORDS_MAX' },
      );
    }
    this.#creditRecords += records;
  }
}

function textBytesOf({ group, instanceId = '', topics }: QueueSubscriptionRequest): number {
  const texts = topics.map((topic) => (typeof topic === 'string' ? topic : topic.pattern));
  return [group, instanceId, ...texts].map(textMemoryBytes).reduce((total, each) => total + each);
}
