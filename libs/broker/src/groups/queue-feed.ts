/**
 * The delivery of one queue group to all of its members whose connections this broker has. One
 * call to the coordinator asks for records for all members that have room; what they get is read
 * once and handed to them. While there is nothing for them, the feed waits: for records after the
 * places where the group has looked, for changes of the group, and for the next delayed record.
 *
 * Overlap: all calls may come while the loop is under way; there is one loop.
 */
import type {
  PartitionAcquisition,
  PartitionOffer,
  QueueAcks,
  QueueDelivery,
  QueueDeliveryAnswer,
} from '#groups';
import { type Clock, type Logger, type Random, RetryBackoff, type Scheduler } from '#runtime';
import { type MemberReads, WAIT_IS_OVER } from './member-reads.js';
import { type QueueReads, scanPosition } from './queue-reads.js';
import type { QueueReceiver } from './queue-receiver.js';

export interface QueueFeedParts {
  readonly coordinator: {
    deliver(call: QueueDelivery): Promise<QueueDeliveryAnswer>;
    acknowledge(call: QueueAcks): Promise<unknown>;
    /** Calls back when the group may have changed. @returns ends the watch */
    watch(group: string, onChange: () => void): () => void;
  };
  readonly reads: QueueReads;
  readonly waits: Pick<MemberReads, 'waitForRecords'>;
  readonly logger: Logger;
  readonly ports: { readonly clock: Clock; readonly scheduler: Scheduler; readonly random: Random };
}

/** Bytes of records that a member gets at once; one record always fits. */
const MEMBER_BYTES = 512 * 1024;
/** Bytes of records that are looked through at once. */
const LOOK_BYTES = 1024 * 1024;
/** Partitions that are looked through at once. */
const PARTITIONS_AT_ONCE = 16;
/** Members in one call. */
const DEMANDS_MAX = 500;
/** Records of one call. */
const RECORDS_MAX = 10_000;
/** Longest wait, in ms; another one follows. */
const WAIT_MS = 60_000;
/** Time after which a partition that could not be read is tried again, in ms. */
const UNREADABLE_WAIT_MS = 500;

export class QueueFeed {
  readonly #parts: QueueFeedParts;
  readonly #group: string;
  readonly #receivers = new Map<string, QueueReceiver>();
  readonly #backoff: RetryBackoff;
  /** Average size of the records that were read last, in bytes. */
  #recordBytes = 1;
  #isRunning = false;
  /** Members that the group has nothing for: more room for them changes nothing. */
  #dry: ReadonlySet<string> = new Set();
  /** True when something has happened since the last call. */
  #isChanged = false;
  #wake: () => void = () => undefined;
  #turn = 0;

  constructor(group: string, parts: QueueFeedParts) {
    this.#group = group;
    this.#parts = parts;
    this.#backoff = new RetryBackoff(parts.ports.random);
  }

  /** Number of members. */
  get size(): number {
    return this.#receivers.size;
  }

  /** Adds a member that has joined, or one that has joined again. */
  add(receiver: QueueReceiver): void {
    this.#receivers.set(receiver.memberId, receiver);
    // It may read other topics than the members before it.
    this.#change();
    if (!this.#isRunning) void this.#run();
  }

  /** Nothing is handed to the member any more. */
  remove(receiver: QueueReceiver): void {
    if (this.#receivers.get(receiver.memberId) !== receiver) return;
    this.#receivers.delete(receiver.memberId);
    if (this.#receivers.size === 0) this.#change();
  }

  /** A member has more room than before. */
  roomAgain({ memberId }: QueueReceiver): void {
    if (!this.#dry.has(memberId)) this.#change();
  }

  readonly #change = (): void => {
    this.#isChanged = true;
    this.#wake();
  };

  /** Never rejects. */
  async #run(): Promise<void> {
    this.#isRunning = true;
    const { coordinator, ports } = this.#parts;
    const endWatch = coordinator.watch(this.#group, this.#change);
    let call = this.#newCall([]);
    while (this.#receivers.size > 0) {
      try {
        call = this.#newCall(await this.#deliver(call));
        this.#backoff.reset();
      } catch {
        // The same call is made again, so that what its lost answer gave is given again.
        await new Promise<void>((resolve) => {
          ports.scheduler.after(this.#backoff.nextDelayMs(), resolve);
        });
        call = { ...call, demands: this.#demands() };
      }
    }
    endWatch();
    this.#isRunning = false;
  }

  #newCall(offers: readonly PartitionOffer[]): QueueDelivery {
    const deliveryId = this.#parts.ports.random.uuid();
    return { group: this.#group, deliveryId, demands: this.#demands(), offers };
  }

  /**
   * Makes one call and hands out what it gives; without a record it looks for some, and waits.
   * @returns what was found for the next call
   */
  async #deliver(call: QueueDelivery): Promise<readonly PartitionOffer[]> {
    this.#isChanged = false;
    if (call.demands.length === 0) {
      await this.#changed();
      return call.offers;
    }
    const { clock } = this.#parts.ports;
    const startMs = clock.monotonicMs();
    const answer = await this.#parts.coordinator.deliver(call);
    for (const memberId of answer.unknown) this.#receivers.get(memberId)?.unknown();
    for (const { memberId } of call.demands) {
      this.#receivers.get(memberId)?.inGeneration(answer.generation);
    }
    const { members } = answer;
    if (members.length > 0) {
      // When a process was paused, other members may have these records now.
      const leftMs = answer.lockMs - (clock.monotonicMs() - startMs);
      if (leftMs > 0) await Promise.all(members.map((member) => this.#hand(member, leftMs)));
      return [];
    }
    this.#dry = new Set(call.demands.map(({ memberId }) => memberId));
    const offers = await this.#find(answer);
    this.#dry = new Set();
    return offers;
  }

  /** Members with room, beginning with another one each time. */
  #demands(): QueueDelivery['demands'] {
    const demands: { memberId: string; recordsMax: number }[] = [];
    const receivers = [...this.#receivers.values()];
    this.#turn += 1;
    const recordsMax = Math.max(1, Math.floor(MEMBER_BYTES / this.#recordBytes));
    let left = RECORDS_MAX;
    for (let at = 0; at < receivers.length; at += 1) {
      const receiver = receivers[(at + this.#turn) % receivers.length];
      const room = Math.min(receiver?.room() ?? 0, recordsMax, left);
      if (receiver === undefined || room <= 0) continue;
      left -= room;
      demands.push({ memberId: receiver.memberId, recordsMax: room });
      if (demands.length === DEMANDS_MAX) break;
    }
    return demands;
  }

  /**
   * Reads the records that a member got and hands them over. Those that cannot be read now return
   * to the queue. Never rejects: records that are not handed over return when their locks end.
   */
  async #hand(
    { memberId, acquired }: { memberId: string; acquired: readonly PartitionAcquisition[] },
    lockMs: number,
  ): Promise<void> {
    const { reads, coordinator, logger } = this.#parts;
    try {
      const { found, acks, sizeBytes } = await reads.read(acquired, {
        maxBytes: MEMBER_BYTES,
        requester: 'broker',
      });
      const count = found.reduce((total, { records }) => total + records.length, 0);
      if (count > 0) this.#recordBytes = Math.max(1, sizeBytes / count);
      await this.#receivers.get(memberId)?.receive(found, lockMs);
      if (acks.length === 0) return;
      await coordinator.acknowledge({ group: this.#group, memberId, caller: 'broker', acks });
    } catch (error) {
      logger.warn(
        { err: error, group: this.#group, memberId },
        'records of a queue could not be delivered; they come back when their locks are over',
      );
    }
  }

  /** Looks for records, and waits until there may be some. @returns what was found */
  async #find(answer: QueueDeliveryAnswer): Promise<readonly PartitionOffer[]> {
    for (;;) {
      const { offers, nextAtMs } = await this.#look(answer);
      if (offers.length > 0) return offers;
      if ((await this.#records(answer, nextAtMs)) === 'changed') return [];
    }
  }

  async #look(
    answer: QueueDeliveryAnswer,
  ): Promise<Pick<Awaited<ReturnType<QueueReads['find']>>, 'offers' | 'nextAtMs'>> {
    const { isKeyOrdered } = answer;
    const readable = answer.reads.filter(({ room }) => room > 0);
    let nextAtMs = Number.POSITIVE_INFINITY;
    for (let from = 0; from < readable.length; from += PARTITIONS_AT_ONCE) {
      const reads = readable.slice(from, from + PARTITIONS_AT_ONCE);
      const found = await this.#parts.reads.find(
        this.#group,
        { reads, isKeyOrdered },
        { maxBytes: LOOK_BYTES, requester: 'broker' },
      );
      if (found.offers.length > 0) return found;
      nextAtMs = Math.min(nextAtMs, found.nextAtMs ?? Number.POSITIVE_INFINITY);
    }
    return { offers: [], nextAtMs: Number.isFinite(nextAtMs) ? nextAtMs : null };
  }

  /** Waits for records in the log, for the next delayed one, or for a change. */
  async #records(
    { reads }: QueueDeliveryAnswer,
    nextAtMs: number | null,
  ): Promise<'records' | 'changed'> {
    const { waits, ports } = this.#parts;
    const dueMs = nextAtMs === null ? WAIT_MS : Math.max(1, nextAtMs - ports.clock.nowMs());
    const waitMs = Math.ceil(Math.min(dueMs, WAIT_MS));
    const positions = reads.filter(({ room }) => room > 0).map(scanPosition);
    const ended = new AbortController();
    const found = new Promise<'records'>((resolve) => {
      const timer = ports.scheduler.after(waitMs, () => resolve('records'));
      ended.signal.addEventListener('abort', () => timer.cancel(), { once: true });
    });
    const changed = this.#changed().then(() => 'changed' as const);
    const arrived =
      positions.length === 0
        ? found
        : waits
            .waitForRecords(positions, waitMs, ended.signal, UNREADABLE_WAIT_MS)
            .then(() => 'records' as const);
    try {
      return await Promise.race([changed, arrived, found]);
    } finally {
      ended.abort(WAIT_IS_OVER);
    }
  }

  /** Resolves at the next change, or at once when there was one since the last call. */
  #changed(): Promise<void> {
    if (this.#isChanged) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
