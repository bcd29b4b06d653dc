import { afterEach, describe, expect, test } from 'vitest';
import type { Broker } from '#broker';
import { RecordBatch } from '#log';
import type { ProtocolError, TopicPartition } from '#protocol';
import { silentLogger } from '#runtime';
import { DeliveryWorld } from '../testing/delivery-world.js';
import { GroupMemberships } from './group-memberships.js';
import { GroupSubscription, type GroupSubscriptionRequest } from './group-subscription.js';
import { QueueSubscription } from './queue-subscription.js';

const P0 = { topic: 'events', partition: 0 };
/** Place of the low byte of a batch's attributes. */
const ATTRIBUTES_AT = 22;
const GZIP = 1;
const SESSION_OVER = { code: 'ILLEGAL_GENERATION', message: expect.stringContaining('was over') };

const worlds: MemberWorld[] = [];

afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close();
});

describe('a member whose client does nothing for maxPollIntervalMs', () => {
  test('leaves its group, and its subscription ends with the reason', async () => {
    const world = await opened();
    await world.member({ maxPollIntervalMs: 600, creditRecords: 1 });
    await world.produce(2);
    await world.until(() => world.client.ends.length === 1, 'the end');
    expect(world.client.received).toBe(1);
    expect(world.client.ends).toMatchObject([
      { code: 'UNKNOWN_MEMBER_ID', message: expect.stringContaining('600 ms (maxPollIntervalMs)') },
    ]);
    expect(world.memberships.status().overdueTotal).toBe(1);
    expect(await world.memberIds()).toEqual([]);
  });
});

describe('a member whose session was over', () => {
  test('commits nothing, and joins again', async () => {
    const world = await opened();
    const member = await world.member();
    await world.removeMembers();
    const offsets = [{ ...P0, offset: 0 }];
    await expect(member.commit(offsets)).rejects.toMatchObject(SESSION_OVER);
    await world.untilMembers(1);
    await expect(member.commit(offsets)).resolves.toBeUndefined();
  });

  test('has no records of its queue any more, and joins again', async () => {
    const world = await opened();
    const member = await world.queueMember();
    await world.produce(1);
    await world.until(() => world.client.received === 1, 'the record');
    await world.removeMembers();
    await expect(member.acknowledge([{ ...P0, offset: 0, type: 'ack' }])).rejects.toMatchObject({
      code: 'INVALID_RECORD_STATE',
      message: expect.stringContaining('The session of this member was over'),
    });
    await world.until(() => world.client.received === 2, 'the record again');
    expect(world.client.ends).toEqual([]);
  });

  test('ends when its group has become a queue', async () => {
    const world = await opened();
    await world.member();
    await world.remakeGroup({ topics: ['events'], mode: 'queue', memberId: 'other' });
    await world.until(() => world.client.ends.length === 1, 'the end');
    expect(world.client.ends).toMatchObject([{ code: 'INCONSISTENT_GROUP_PROTOCOL' }]);
    expect(await world.memberIds()).toEqual(['other']);
  });

  test('ends when its queue has become a stream group', async () => {
    const world = await opened();
    await world.queueMember();
    await world.remakeGroup({ topics: ['events'], mode: 'stream', memberId: 'other' });
    await world.until(() => world.client.ends.length === 1, 'the end');
    expect(world.client.ends).toMatchObject([{ code: 'INCONSISTENT_GROUP_PROTOCOL' }]);
    expect(await world.memberIds()).toEqual(['other']);
  });
});

describe('a member of a queue', () => {
  test('gets an error for a batch that cannot be unpacked, and later batches', async () => {
    const world = await opened();
    const member = await world.queueMember();
    await world.produce(1);
    await world.until(() => world.client.received === 1, 'the record');
    const whole = await world.read(0);
    const damaged = { ...whole, batches: whole.batches.map(asIfGzipped) };
    await member.receive([damaged, whole], 30_000);
    expect(world.client.stops).toMatchObject([{ target: P0, error: { code: 'CORRUPT_MESSAGE' } }]);
    expect(world.client.received).toBe(2);
  });
});

/** The same batch, which says that its records are compressed: no reader can unpack them. */
function asIfGzipped({ bytes }: RecordBatch): RecordBatch {
  const damaged = Buffer.from(bytes);
  damaged[ATTRIBUTES_AT] = GZIP;
  return new RecordBatch(damaged);
}

async function opened(): Promise<MemberWorld> {
  const inner = await DeliveryWorld.open();
  await inner.createTopic('events', 1);
  const world = new MemberWorld(inner);
  worlds.push(world);
  return world;
}

/** A client that shows signs of life, and keeps what it is told. */
class Client {
  readonly memoryBytes = 0;
  readonly principal = 'key:k1';
  readonly ends: ProtocolError[] = [];
  readonly stops: { readonly target: TopicPartition; readonly error: unknown }[] = [];
  received = 0;
  #signs = 0;

  lifeSigns(): number {
    this.#signs += 1;
    return this.#signs;
  }

  probe(): void {}
  drop(): void {}
  assigned(): void {}
  revoked(): void {}
  reset(): void {}
  expiring(): void {}

  hasRoom(): boolean {
    return true;
  }

  deliver({ count }: { readonly count: number }): void {
    this.received += count;
  }

  stopped(target: TopicPartition, error: unknown): void {
    this.stops.push({ target, error });
  }

  ended(error: ProtocolError): void {
    this.ends.push(error);
  }
}

/** A broker with the group `g`, one of whose members has the client. */
class MemberWorld {
  readonly client = new Client();
  readonly memberships: GroupMemberships;
  readonly #world: DeliveryWorld;

  constructor(world: DeliveryWorld) {
    this.#world = world;
    const { delivery } = world;
    this.memberships = new GroupMemberships(
      { delivery, logger: silentLogger },
      { memberUnacknowledgedRecordsMax: 100 },
    );
  }

  get broker(): DeliveryWorld['broker'] {
    return this.#world.broker;
  }

  get delivery(): DeliveryWorld['delivery'] {
    return this.#world.delivery;
  }

  async member(request: Partial<GroupSubscriptionRequest> = {}): Promise<GroupSubscription> {
    const opening = GroupSubscription.open(
      this.memberships,
      {
        group: 'g',
        topics: ['events'],
        autoOffsetReset: 'earliest',
        autoCommit: false,
        revokeAck: false,
        maxPollIntervalMs: 60_000,
        format: 'default',
        ...request,
      },
      this.client,
    );
    const member = await this.#whileTimePasses(opening);
    member.start();
    await this.until(() => member.positions().length === 1, 'an assignment');
    return member;
  }

  async queueMember(): Promise<QueueSubscription> {
    const request = { group: 'g', topics: ['events'], format: 'default', expiring: false } as const;
    const earliest = { ...request, autoOffsetReset: 'earliest' } as const;
    const opening = QueueSubscription.open(this.memberships, earliest, this.client);
    const member = await this.#whileTimePasses(opening);
    member.start();
    return member;
  }

  produce(count: number): Promise<void> {
    return this.#world.produce(P0, count);
  }

  /** The record at an offset, as a queue hands it to its member. */
  async read(offset: number) {
    const request = { ...P0, offset, maxBytes: 1_000_000, minBytes: 1, waitMs: 0 };
    const { batches, highWatermark, leaderEpoch } = await this.broker.fetch(request);
    return { ...P0, batches, highWatermark, leaderEpoch, records: [{ offset, deliveryCount: 1 }] };
  }

  async memberIds(): Promise<string[]> {
    const { members } = await this.broker.groups.describe('g');
    return members.map(({ memberId }) => memberId);
  }

  /** Removes all members from the group, as when their sessions are over. */
  async removeMembers(): Promise<void> {
    for (const memberId of await this.memberIds()) await this.broker.groups.leave('g', memberId);
  }

  /** Deletes the group, and makes it again with another member. */
  async remakeGroup(join: Parameters<Broker['groups']['join']>[1]): Promise<void> {
    const { groups } = this.broker;
    const ids = await this.memberIds();
    // The members do not come back in between: the group takes these requests in their order.
    const left = ids.map((memberId) => groups.leave('g', memberId));
    await Promise.all([...left, groups.delete('g'), groups.join('g', join)]);
  }

  async untilMembers(count: number): Promise<void> {
    let found = -1;
    await this.until(() => {
      void this.memberIds().then((ids) => (found = ids.length));
      return found === count;
    }, `${count} members`);
  }

  until(condition: () => boolean, what: string): Promise<void> {
    return this.#world.until(condition, what);
  }

  async close(): Promise<void> {
    const closing = this.memberships.close();
    await this.#whileTimePasses(closing);
    await this.#world.close();
  }

  async #whileTimePasses<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const settle = (): void => void (isSettled = true);
    promise.then(settle, settle);
    await this.until(() => isSettled, 'the answer');
    return promise;
  }
}
