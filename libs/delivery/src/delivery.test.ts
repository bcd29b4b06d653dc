import { afterEach, describe, expect, test } from 'vitest';
import { ProtocolError } from '#protocol';
import { PrincipalShares } from '#security';
import { DeliveryWorld } from './testing/delivery-world.js';

const P0 = { topic: 'events', partition: 0 };

const worlds: DeliveryWorld[] = [];

async function opened(
  options: Parameters<typeof DeliveryWorld.open>[0] & { partitions?: number } = {},
): Promise<DeliveryWorld> {
  const { partitions = 1, ...rest } = options;
  const world = await DeliveryWorld.open(rest);
  worlds.push(world);
  await world.createTopic('events', partitions);
  return world;
}

afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close();
});

describe('a subscription', () => {
  test('gets nothing before it is started, then everything from its positions on', async () => {
    const world = await opened();
    await world.produce(P0, 3);
    const reader = await world.subscribe({ topics: ['events'], from: 'latest' });
    expect(reader.subscription.positions()).toEqual([{ ...P0, offset: 3, leaderEpoch: 0 }]);
    await world.produce(P0, 2);
    await world.until(() => reader.received === 2, 'two records');
    expect(reader.faults).toEqual([]);
  });

  test('is delivered what was produced between its positions and its start', async () => {
    const world = await opened();
    const reader = await world.subscribe({ topics: ['events'], from: 'latest' });
    reader.close();
    await world.produce(P0, 2);
    const again = await world.subscribe({
      topics: ['events'],
      from: { offsets: [{ ...P0, offset: 0 }] },
    });
    await world.until(() => again.received === 2, 'two records');
  });

  test('stands still without credit, and a grant is used up to the record', async () => {
    const world = await opened({ partitions: 2 });
    const reader = await world.subscribe({ topics: ['events'], creditRecords: 0 });
    await Promise.all([world.produce(P0, 9), world.produce({ topic: 'events', partition: 1 }, 9)]);
    for (const granted of [1, 4, 10]) {
      const before = reader.received;
      reader.subscription.grant(granted);
      await world.until(() => reader.received >= before + granted, 'what was granted');
      await world.scheduler.settle();
      expect(reader.received).toBe(before + granted);
    }
    expect(reader.faults).toEqual([]);
  });

  test('learns of a lost position with both bounds, and goes on after a seek', async () => {
    const world = await opened();
    const reader = await world.subscribe({ topics: ['events'] });
    reader.setTakes(false);
    await world.produce(P0, 4);
    await world.broker.deleteRecords(P0, 2);
    reader.setTakes(true);
    await world.until(() => reader.errors.length === 1, 'an error');
    expect(reader.errors[0]).toMatchObject({
      target: P0,
      error: {
        code: 'OFFSET_OUT_OF_RANGE',
        members: { logStartOffset: 2, highWatermark: 4 },
      },
    });
    await reader.subscription.seek({ ...P0, offset: 3 });
    reader.expect({ ...P0, offset: 3 });
    reader.subscription.startFrom(P0);
    await world.until(() => reader.received === 1, 'the last record');
    expect(reader.faults).toEqual([]);
  });

  test.each([
    ['earliest', 2],
    ['latest', 4],
  ] as const)('goes on at the %s record where that was asked for, and says so', async (to, at) => {
    const world = await opened();
    const reader = await world.subscribe({ topics: ['events'], autoOffsetReset: to });
    reader.setTakes(false);
    await world.produce(P0, 4);
    await world.broker.deleteRecords(P0, 2);
    reader.setTakes(true);
    await world.until(() => reader.resets.length === 1, 'a reset');
    expect(reader.resets).toEqual([{ ...P0, offset: at, leaderEpoch: 0 }]);
    await world.produce(P0, 1);
    await world.until(() => reader.received === 5 - at, 'the rest');
    expect(reader.faults).toEqual([]);
  });

  test('refuses positions that are none of the log, unless a reset is asked for', async () => {
    const world = await opened();
    await world.produce(P0, 2);
    const from = { offsets: [{ ...P0, offset: 7 }] };
    await expect(world.subscribe({ topics: ['events'], from })).rejects.toMatchObject({
      code: 'OFFSET_OUT_OF_RANGE',
    });
    expect(world.delivery.status()).toMatchObject({ subscriptions: 0, cursors: 0 });
    const reader = await world.subscribe({ topics: ['events'], from, autoOffsetReset: 'latest' });
    expect(reader.subscription.positions()).toEqual([{ ...P0, offset: 2, leaderEpoch: 0 }]);
  });

  test('takes in partitions that are added, from their beginning', async () => {
    const world = await opened();
    const all = await world.subscribe({ topics: ['events'], from: 'latest' });
    const one = await world.subscribe({ topics: ['events'], partitions: [0] });
    await world.broker.alterTopic('events', { partitions: 3 });
    await world.produce({ topic: 'events', partition: 2 }, 4);
    await world.until(() => all.received === 4, 'the records of the new partition');
    expect([...all.next]).toContainEqual(['events-1', 0]);
    expect(one.received).toBe(0);
    expect(all.faults).toEqual([]);
  });

  test('reads a partition without a listed position from its beginning', async () => {
    const world = await opened({ partitions: 2 });
    await world.produce({ topic: 'events', partition: 1 }, 2);
    const from = { offsets: [{ ...P0, offset: 0 }] };
    const reader = await world.subscribe({ topics: ['events'], from });
    expect(reader.subscription.positions()).toContainEqual({
      topic: 'events',
      partition: 1,
      offset: 0,
      leaderEpoch: 0,
    });
  });

  test('ends with its topic, and a new topic of that name is another one', async () => {
    const world = await opened();
    const waits = await world.subscribe({ topics: ['events'], from: 'latest' });
    const blocked = await world.subscribe({ topics: ['events'], creditRecords: 0 });
    await world.produce(P0, 5);
    await world.broker.deleteTopic('events');
    await world.until(() => blocked.endedWith !== undefined, 'the end of a blocked one');
    expect(waits.endedWith).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' });
    expect(world.delivery.status()).toMatchObject({ subscriptions: 0, cursors: 0, liveCursors: 0 });
    world.values.clear();
    await world.createTopic('events', 1);
    const resubscribed = await world.subscribe({ topics: ['events'] });
    await world.produce(P0, 2);
    await world.until(() => resubscribed.received === 2, 'the records of the new topic');
    expect(resubscribed.faults).toEqual([]);
  });

  test('is refused, and not counted, when its topic is deleted meanwhile', async () => {
    const world = await opened({ partitions: 2 });
    const held = world.hold((request) => request.partition === 1);
    const offsets = [P0, { ...P0, partition: 1 }].map((target) => ({ ...target, offset: 0 }));
    const refused = expect(
      world.subscribe({ topics: ['events'], from: { offsets } }),
    ).rejects.toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' });
    await world.until(() => held.count === 1, 'the last position, resolved');
    await world.broker.deleteTopic('events');
    held.release();
    await refused;
    expect(world.delivery.status()).toMatchObject({ subscriptions: 0, cursors: 0 });
  });

  test('continues when a leader is back, but never from before a seek', async () => {
    const world = await opened();
    await world.produce(P0, 4);
    world.fetchFailure = new ProtocolError('LEADER_NOT_AVAILABLE', 'The leader is moving.');
    const goesOn = await world.subscribe({ topics: ['events'] });
    const sought = await world.subscribe({ topics: ['events'] });
    await world.scheduler.settle();
    world.fetchFailure = undefined;
    await sought.subscription.seek({ ...P0, offset: 3 });
    sought.expect({ ...P0, offset: 3 });
    await world.until(() => goesOn.received === 4, 'all records');
    await world.scheduler.advance(1000);
    expect(sought.received).toBe(0);
    sought.subscription.startFrom(P0);
    await world.until(() => sought.received === 1, 'the last record');
    expect([...goesOn.faults, ...sought.faults, ...goesOn.errors]).toEqual([]);
  });

  test('is refused over the limit of partitions read, and leaves nothing behind', async () => {
    const world = await opened({ partitions: 3, cursorsMax: 4 });
    await world.subscribe({ topics: ['events'] });
    await expect(world.subscribe({ topics: ['events'] })).rejects.toMatchObject({
      code: 'THROTTLING_QUOTA_EXCEEDED',
    });
    expect(world.delivery.status()).toMatchObject({ subscriptions: 1, cursors: 3 });
  });

  test('is refused over the memory for subscriptions, which the last one releases', async () => {
    const world = await opened({ partitions: 3, subscriptionMemoryBytes: 2000 });
    const first = await world.subscribe({ topics: ['events'] });
    const { memoryBytes } = world.delivery.status();
    expect(memoryBytes).toBeGreaterThan(3 * 200);
    await expect(world.subscribe({ topics: ['events'] })).rejects.toMatchObject({
      code: 'THROTTLING_QUOTA_EXCEEDED',
      bound: 'SLUICE_SUBSCRIPTION_MEMORY_BYTES',
    });
    expect(world.delivery.status()).toMatchObject({ memoryBytes, refusedTotal: 1 });
    first.subscription.close();
    expect(world.delivery.status()).toMatchObject({ subscriptions: 0, memoryBytes: 0 });
  });
});

describe('the share of a principal', () => {
  /** Opens a world in which one principal may read two partitions, and use 4,000 bytes. */
  async function shared(): Promise<{ world: DeliveryWorld; shares: PrincipalShares }> {
    const bound = (max: number) => ({ max, variable: 'SLUICE_EXAMPLE_MAX' });
    const unused = bound(0);
    const shares = new PrincipalShares(
      {
        connections: unused,
        requestMemory: unused,
        longPolls: unused,
        cursors: bound(4),
        subscriptionMemory: bound(8000),
      },
      50,
    );
    const world = await DeliveryWorld.open({}, shares);
    worlds.push(world);
    await world.createTopic('events', 2);
    return { world, shares };
  }

  test('leaves others their cursors, and is given back at every end', async () => {
    const { world, shares } = await shared();
    const first = await world.subscribe({ topics: ['events'] }, 'key:greedy');
    const second = { topics: ['events'], partitions: [0] };
    await expect(world.subscribe(second, 'key:greedy')).rejects.toMatchObject({
      code: 'THROTTLING_QUOTA_EXCEEDED',
      bound: 'SLUICE_PRINCIPAL_SHARE_PERCENT',
    });
    expect(world.delivery.status()).toMatchObject({
      subscriptions: 1,
      cursors: 2,
      refusedTotal: 1,
    });
    const other = await world.subscribe({ topics: ['events'] }, 'key:other');
    first.subscription.revoke([P0]);
    (await world.subscribe(second, 'key:greedy')).subscription.close();
    first.subscription.close();
    other.subscription.close();
    for (const bound of ['cursors', 'subscriptionMemory'] as const) {
      expect(shares.status().get(bound)).toMatchObject({ principals: 0 });
    }
    expect(world.delivery.status()).toMatchObject({ subscriptions: 0, memoryBytes: 0 });
  });

  test('leaves others their memory', async () => {
    const { world } = await shared();
    const many = { topics: ['events'], partitions: [0], from: { offsets: positions(40) } };
    await expect(world.subscribe(many, 'key:greedy')).rejects.toMatchObject({
      code: 'THROTTLING_QUOTA_EXCEEDED',
      bound: 'SLUICE_PRINCIPAL_SHARE_PERCENT',
    });
    expect(world.delivery.status()).toMatchObject({ subscriptions: 0, memoryBytes: 0 });
  });

  function positions(count: number) {
    return Array.from({ length: count }, () => ({ ...P0, offset: 0 }));
  }
});

describe('the seam between reading alone and being live', () => {
  test('who stands within a run that the feed offers reads the rest of it alone', async () => {
    const world = await opened();
    const feeds = world.hold((request) => request.isFeed === true);
    const first = await world.subscribe({ topics: ['events'], from: 'latest' });
    const second = await world.subscribe({ topics: ['events'], from: 'latest' });
    await world.produce(P0, 4);
    await world.until(() => feeds.count === 1, 'the feed has read them');
    await second.subscription.seek({ ...P0, offset: 2 });
    second.expect({ ...P0, offset: 2 });
    second.subscription.startFrom(P0);
    feeds.stop();
    feeds.release();
    await world.until(() => first.received === 4 && second.received === 2, 'all and a half');
    expect([...first.faults, ...second.faults]).toEqual([]);
  });

  test('many who are behind at the same place cost one read', async () => {
    const world = await opened();
    await world.produce(P0, 3);
    const readers = await Promise.all(
      Array.from({ length: 20 }, () => world.subscribe({ topics: ['events'] })),
    );
    await world.until(() => readers.every((one) => one.received === 3), 'all records');
    const { catchUpReadsTotal, catchUpReadsSharedTotal } = world.delivery.status();
    expect(catchUpReadsTotal).toBeLessThanOrEqual(2);
    expect(catchUpReadsSharedTotal).toBeGreaterThanOrEqual(19);
    expect(world.delivery.status().catchUpKeptBytes).toBeGreaterThan(0);
    await world.scheduler.advance(2000);
    expect(world.delivery.status().catchUpKeptBytes).toBe(0);
  });

  test('one that is alone behind keeps nothing of what it read', async () => {
    const world = await opened();
    await world.produce(P0, 3);
    const reader = await world.subscribe({ topics: ['events'] });
    await world.until(() => reader.received === 3, 'all records');
    expect(world.delivery.status()).toMatchObject({ catchUpKeptBytes: 0 });
  });

  test('one that takes few records has no more of them read', async () => {
    const world = await opened();
    await world.produce(P0, 30);
    const sizes: number[] = [];
    const unheld = world.hold((request) => {
      if (request.maxBytes > 1) sizes.push(request.maxBytes);
      return false;
    });
    const few = await world.subscribe({ topics: ['events'], creditRecords: 2 });
    await world.until(() => few.received === 2, 'what it takes');
    const all = await world.subscribe({ topics: ['events'] });
    await world.until(() => all.received === 30, 'all records');
    unheld.stop();
    expect(Math.max(...sizes)).toBeGreaterThan(10 * (sizes[0] ?? 0));
    few.subscription.grant(100);
    await world.until(() => few.received === 30, 'the rest');
    expect(few.faults).toEqual([]);
  });

  test('one that stands still keeps no others', async () => {
    const world = await opened();
    const stands = await world.subscribe({ topics: ['events'] });
    const goes = await world.subscribe({ topics: ['events'] });
    stands.setTakes(false);
    for (let round = 0; round < 20; round += 1) await world.produce(P0, 5);
    await world.until(() => goes.received === 100, 'all records');
    expect(stands.received).toBe(0);
    stands.setTakes(true);
    await world.until(() => stands.received === 100, 'all records, later');
    expect(stands.faults).toEqual([]);
  });
});

describe('the subscription of a group member', () => {
  const P1 = { topic: 'events', partition: 1 };

  test('reads the partitions that it is assigned, from the given positions', async () => {
    const world = await opened({ partitions: 2 });
    await world.produce(P0, 3);
    await world.produce(P1, 3);
    const reader = await world.subscribe({ topics: [] });
    await world.scheduler.settle();
    expect(reader.received).toBe(0);
    reader.expect({ ...P1, offset: 2 });
    reader.subscription.assign([{ ...P1, offset: 2 }]);
    await world.until(() => reader.received === 1, 'the last record of partition 1');
    expect(reader.faults).toEqual([]);
    expect(world.delivery.status()).toMatchObject({ subscriptions: 1, cursors: 1 });
  });

  test('delivers nothing of a partition once it is revoked, and frees its place', async () => {
    const world = await opened({ partitions: 2 });
    await world.produce(P0, 2);
    const reader = await world.subscribe({ topics: [] });
    for (const target of [P0, P1]) reader.expect({ ...target, offset: 0 });
    reader.subscription.assign([P0, P1].map((target) => ({ ...target, offset: 0 })));
    await world.until(() => reader.received === 2, 'the records of partition 0');
    const positions = reader.subscription.revoke([P0, { topic: 'events', partition: 9 }]);
    expect(positions).toEqual([{ ...P0, offset: 2 }]);
    await world.produce(P0, 2);
    await world.produce(P1, 1);
    await world.until(() => reader.received === 3, 'the record of partition 1');
    await world.scheduler.settle();
    expect(reader.received).toBe(3);
    expect(world.delivery.status().cursors).toBe(1);
    reader.close();
    expect(world.delivery.status()).toMatchObject({ cursors: 0, memoryBytes: 0 });
  });

  test('delivers nothing of a read that was under way when its partition was revoked', async () => {
    const world = await opened();
    await world.produce(P0, 2);
    const held = world.hold(() => true);
    const reader = await world.subscribe({ topics: [] });
    reader.expect({ ...P0, offset: 0 });
    reader.subscription.assign([{ ...P0, offset: 0 }]);
    await world.until(() => held.count > 0, 'a fetch');
    reader.subscription.revoke([P0]);
    held.stop();
    held.release();
    await world.scheduler.settle();
    expect(reader.received).toBe(0);
  });

  test('survives the deletion of a topic that it is assigned', async () => {
    const world = await opened();
    await world.createTopic('others', 1);
    const others = { topic: 'others', partition: 0 };
    const reader = await world.subscribe({ topics: [] });
    for (const target of [P0, others]) reader.expect({ ...target, offset: 0 });
    reader.subscription.assign([P0, others].map((target) => ({ ...target, offset: 0 })));
    await world.broker.deleteTopic('others');
    await world.until(() => world.delivery.status().cursors === 1, 'one partition is left');
    await world.produce(P0, 1);
    await world.until(() => reader.received === 1, 'a record of the other topic');
    expect(reader.endedWith).toBeUndefined();
    expect(reader.errors).toEqual([]);
  });
});
