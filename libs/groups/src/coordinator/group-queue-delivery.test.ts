import { describe, expect, it } from 'vitest';
import type { Offset } from '#protocol';
import { offsetsIn } from '../queue/offset-ranges.js';
import { ledPartition } from '../testing/led-partition.js';
import { TestCoordinators } from '../testing/test-coordinators.js';
import type { QueueDeliveryAnswer } from './group-queues.js';
import type { GroupSettings } from './group-settings.js';

const LOCK_MS = 30_000;

/** A queue group whose members one broker delivers to; it has found all records of its topic. */
class DeliveryTest {
  #calls = 0;

  private constructor(
    readonly test: TestCoordinators,
    readonly end: Offset,
  ) {}

  static async open(end: Offset, settings: Partial<GroupSettings> = {}): Promise<DeliveryTest> {
    const test = new TestCoordinators(await ledPartition(), settings);
    test.addTopic('jobs', 1, end);
    return new DeliveryTest(test, end);
  }

  async join(...memberIds: string[]): Promise<void> {
    for (const memberId of memberIds) {
      const options = { memberId, topics: ['jobs'], mode: 'queue', autoOffsetReset: 'earliest' };
      await this.test.coordinators.join({ group: 'g', request: options as never });
    }
  }

  /** Asks for records for members, each with its room. @returns offsets by member */
  async deliver(
    room: Readonly<Record<string, number>>,
    deliveryId?: string,
  ): Promise<Record<string, string[]>> {
    this.#calls += 1;
    const topicId = this.test.topics.get('jobs')?.id ?? '';
    const ranges = [0, this.end - 1];
    const records = { from: 0, to: this.end, logStartOffset: 0, ranges };
    const answer = await this.test.coordinators.queueDelivery({
      group: 'g',
      deliveryId: deliveryId ?? `call-${this.#calls}`,
      demands: Object.entries(room).map(([memberId, recordsMax]) => ({ memberId, recordsMax })),
      offers: [{ topic: 'jobs', topicId, partition: 0, due: null, records }],
    });
    return recordsOf(answer);
  }

  /** Asks for records when its broker has found none. @returns offsets by member */
  async ask(room: Readonly<Record<string, number>>): Promise<Record<string, string[]>> {
    this.#calls += 1;
    const demands = Object.entries(room).map(([memberId, recordsMax]) => ({
      memberId,
      recordsMax,
    }));
    const call = { group: 'g', deliveryId: `call-${this.#calls}`, demands, offers: [] };
    return recordsOf(await this.test.coordinators.queueDelivery(call));
  }

  /** A poll of a member over REST. @returns the number of records that it gets */
  async poll(memberId: string, waitMs: number): Promise<number> {
    const poll = { group: 'g', memberId, receiveId: null, recordsMax: 100, offers: [] };
    const { acquired } = await this.test.coordinators.queuePoll({ ...poll, waitMs });
    const runs = acquired.flatMap((one) => one.runs);
    return runs.reduce((count, { first, last }) => count + last - first + 1, 0);
  }

  async ack(
    memberId: string,
    offsets: readonly number[],
    type: 'ack' | 'nack' = 'ack',
    delayMs?: number,
  ) {
    const topicId = this.test.topics.get('jobs')?.id ?? '';
    const acks = offsets.map((offset) => ({
      topic: 'jobs',
      topicId,
      partition: 0,
      offset,
      type,
      ...(delayMs === undefined ? {} : { delayMs }),
    }));
    return this.test.coordinators.acknowledge({ group: 'g', memberId, acks });
  }

  async alter(name: string, value: unknown): Promise<void> {
    await this.test.coordinators.alterConfigs({ group: 'g', changes: [{ name, value }] });
  }
}

function recordsOf({ members }: QueueDeliveryAnswer): Record<string, string[]> {
  return Object.fromEntries(
    members.map(({ memberId, acquired }) => [
      memberId,
      acquired.flatMap(({ runs }) =>
        runs.flatMap(({ first, last, deliveryCount }) =>
          Array.from(offsetsIn([first, last]), (offset) => `${offset}x${deliveryCount}`),
        ),
      ),
    ]),
  );
}

function countsOf(given: Readonly<Record<string, readonly string[]>>): Record<string, number> {
  return Object.fromEntries(Object.entries(given).map(([member, some]) => [member, some.length]));
}

describe('records of a queue for several members', () => {
  it('are divided equally, and each is given once', async () => {
    const queue = await DeliveryTest.open(10);
    await queue.join('a', 'b', 'c');
    const given = await queue.deliver({ a: 100, b: 100, c: 1 });
    expect(countsOf(given)).toEqual({ c: 1, a: expect.any(Number), b: expect.any(Number) });
    expect((given['a']?.length ?? 0) + (given['b']?.length ?? 0)).toBe(9);
    expect([4, 5]).toContain(given['a']?.length);
    expect(new Set(Object.values(given).flat()).size).toBe(10);
    expect(await queue.deliver({ a: 100 })).toEqual({});
  });

  it('go to those that have the fewest', async () => {
    const queue = await DeliveryTest.open(8);
    await queue.join('a', 'b');
    expect(countsOf(await queue.deliver({ a: 6 }))).toEqual({ a: 6 });
    expect(countsOf(await queue.deliver({ a: 6, b: 6 }))).toEqual({ b: 2 });
  });

  it('are given again to a repeated call, with the same counts', async () => {
    const queue = await DeliveryTest.open(4);
    await queue.join('a', 'b');
    const first = await queue.deliver({ a: 2, b: 2 }, 'lost');
    expect(countsOf(first)).toEqual({ a: 2, b: 2 });
    await queue.test.restart();
    expect(await queue.deliver({ a: 2, b: 2 }, 'lost')).toEqual(first);
    expect(await queue.deliver({ a: 2, b: 2 }, 'next')).toEqual({});
  });

  it('are never more than a member may have without having acknowledged them', async () => {
    const queue = await DeliveryTest.open(10, { memberUnacknowledgedRecordsMax: 3 });
    await queue.join('a');
    expect(await queue.deliver({ a: 100 })).toEqual({ a: ['0x1', '1x1', '2x1'] });
    expect(await queue.deliver({ a: 100 })).toEqual({});
    await queue.ack('a', [1]);
    expect(await queue.deliver({ a: 100 })).toEqual({ a: ['3x1'] });
    const poll = { group: 'g', memberId: 'a', receiveId: null, recordsMax: 100, offers: [] };
    expect((await queue.test.coordinators.queuePoll(poll)).acquired).toEqual([]);
  });

  it('are not given to members that are not in the group', async () => {
    const queue = await DeliveryTest.open(1);
    await queue.join('a');
    const call = { group: 'g', deliveryId: '1', offers: [] };
    const demands = [
      { memberId: 'a', recordsMax: 1 },
      { memberId: 'nobody', recordsMax: 1 },
    ];
    const answer = await queue.test.coordinators.queueDelivery({ ...call, demands });
    expect(answer).toMatchObject({ unknown: ['nobody'], members: [] });
  });
});

describe('the first records of a group', () => {
  it('are taken and delivered with one write', async () => {
    const queue = await DeliveryTest.open(6);
    await queue.join('a');
    const path = '/data/__consumer_offsets-0/00000000000000000000.log';
    const { writes } = queue.test.led.disk.counts(path);
    expect(await queue.deliver({ a: 6 })).toMatchObject({
      a: ['0x1', '1x1', '2x1', '3x1', '4x1', '5x1'],
    });
    expect(queue.test.led.disk.counts(path).writes - writes).toBe(1);
  });
});

describe('a record that has used half of its deliveries', () => {
  /** The first record has failed twice of four times; `a` has the other records of two. */
  async function withSuspect(): Promise<DeliveryTest> {
    const queue = await DeliveryTest.open(6);
    await queue.alter('share.delivery.count.limit', 4);
    await queue.join('a', 'b');
    for (let times = 0; times < 2; times += 1) {
      await queue.deliver({ a: 1 });
      await queue.ack('a', [0], 'nack');
    }
    return queue;
  }

  it('is given to a member without records, which gets no others until it is done', async () => {
    const queue = await withSuspect();
    expect(await queue.deliver({ a: 2 })).toEqual({ a: ['0x3'] });
    expect(await queue.deliver({ a: 2, b: 2 })).toEqual({ b: ['1x1', '2x1'] });
    await queue.ack('a', [0]);
    expect(await queue.deliver({ a: 2 })).toEqual({ a: ['3x1', '4x1'] });
  });

  it('waits until the member with the fewest records has none, and the others go on', async () => {
    const queue = await DeliveryTest.open(8);
    await queue.alter('share.delivery.count.limit', 4);
    await queue.join('a', 'b');
    expect(await queue.deliver({ a: 2 })).toEqual({ a: ['0x1', '1x1'] });
    expect(await queue.deliver({ b: 3 })).toEqual({ b: ['2x1', '3x1', '4x1'] });
    await queue.ack('a', [0], 'nack');
    expect(await queue.deliver({ a: 1 })).toEqual({ a: ['0x2'] });
    await queue.ack('a', [0], 'nack');
    // The record 0 is suspected now: `a` has one record, and gets no other one.
    expect(await queue.deliver({ a: 1, b: 1 })).toEqual({ b: ['5x1'] });
    await queue.ack('a', [1]);
    expect(await queue.deliver({ a: 2 })).toEqual({ a: ['0x3'] });
  });
});

describe('a member that leaves', () => {
  it.each([
    [true, '0x2'],
    [false, '0x1'],
  ])('with a broken connection: %s', async (isBroken, record) => {
    const queue = await DeliveryTest.open(1);
    await queue.join('a', 'b');
    await queue.deliver({ a: 1 });
    await queue.test.coordinators.leave({ group: 'g', memberId: 'a', isBroken });
    expect(await queue.deliver({ b: 1 })).toEqual({ b: [record] });
  });

  it('with its broker has its deliveries counted', async () => {
    const queue = await DeliveryTest.open(1);
    await queue.join('a', 'b');
    await queue.test.coordinators.heartbeat({
      group: 'g',
      memberId: 'a',
      generation: null,
      brokerEpoch: 7,
    });
    await queue.deliver({ a: 1 });
    queue.test.coordinators.processEnded(7);
    await expect.poll(() => queue.deliver({ b: 1 })).toEqual({ b: ['0x2'] });
    await queue.test.led.scheduler.advance(LOCK_MS);
  });
});

describe('records of a queue while members wait at other brokers', () => {
  const KEPT_MS = 250;

  it('are divided among all of them, wherever the first call comes from', async () => {
    const queue = await DeliveryTest.open(10);
    await queue.join('a', 'b', 'c');
    expect(await queue.ask({ b: 100 })).toEqual({});
    expect(await queue.ask({ c: 2 })).toEqual({});
    expect(countsOf(await queue.deliver({ a: 100 }))).toEqual({ a: 4 });
    expect(await queue.ask({ a: 100 })).toEqual({});
    expect(countsOf(await queue.ask({ b: 100 }))).toEqual({ b: 4 });
    expect(countsOf(await queue.ask({ c: 2 }))).toEqual({ c: 2 });
  });

  it('are given at once to the member that asks when there is one', async () => {
    const queue = await DeliveryTest.open(1);
    await queue.join('a', 'b');
    await queue.ask({ b: 100 });
    expect(await queue.deliver({ a: 100 })).toEqual({ a: ['0x1'] });
  });

  it('are kept for a short time, after which the others learn of them', async () => {
    const queue = await DeliveryTest.open(10);
    await queue.join('a', 'b');
    await queue.ask({ b: 100 });
    expect(countsOf(await queue.deliver({ a: 100 }))).toEqual({ a: 5 });
    let changes = 0;
    queue.test.coordinators.watches.add('g', () => {
      changes += 1;
    });
    await queue.test.led.scheduler.advance(KEPT_MS - 1);
    expect(await queue.ask({ a: 100 })).toEqual({});
    expect(changes).toBe(0);
    await queue.test.led.scheduler.advance(1);
    expect(changes).toBe(1);
    expect(countsOf(await queue.ask({ a: 100 }))).toEqual({ a: 5 });
  });

  it('are not kept for a member that has left', async () => {
    const queue = await DeliveryTest.open(10);
    await queue.join('a', 'b');
    await queue.ask({ b: 100 });
    await queue.test.coordinators.leave({ group: 'g', memberId: 'b' });
    expect(countsOf(await queue.deliver({ a: 100 }))).toEqual({ a: 10 });
  });

  it('are divided among polls that wait, and not kept for polls that do not', async () => {
    const queue = await DeliveryTest.open(10);
    await queue.join('a', 'b', 'c', 'd');
    for (const [memberId, waitMs] of [
      ['b', 1000],
      ['c', 0],
      ['d', 50],
    ] as const) {
      expect(await queue.poll(memberId, waitMs)).toBe(0);
    }
    await queue.test.led.scheduler.advance(50);
    expect(countsOf(await queue.deliver({ a: 100 }))).toEqual({ a: 5 });
    // The share of b is for c as well now, which has none either.
    expect(await queue.poll('c', 1000)).toBe(3);
    expect(await queue.poll('b', 1000)).toBe(2);
  });

  it('are divided when the first call is a poll', async () => {
    const queue = await DeliveryTest.open(9);
    await queue.join('a', 'b');
    await queue.deliver({ a: 9 });
    await queue.poll('b', 1000);
    await queue.ack('a', [0, 1, 2, 3, 4, 5, 6, 7, 8], 'nack');
    expect(await queue.poll('a', 0)).toBe(5);
    expect(await queue.poll('a', 0)).toBe(0);
    expect(await queue.poll('b', 0)).toBe(4);
  });
});

describe('a paused queue', () => {
  it('delivers nothing, and tells watchers when it goes on', async () => {
    const queue = await DeliveryTest.open(1);
    await queue.join('a');
    await queue.alter('sluice.share.paused', true);
    expect(await queue.deliver({ a: 1 })).toEqual({});
    let changes = 0;
    queue.test.coordinators.watches.add('g', () => {
      changes += 1;
    });
    await queue.alter('sluice.share.paused', false);
    expect(changes).toBeGreaterThan(0);
    expect(await queue.deliver({ a: 1 })).toEqual({ a: ['0x1'] });
  });
});

describe('the delay of a nack', () => {
  const DELAY_MS = 5000;
  const HOUR_MS = 3_600_000;

  async function delayed(): Promise<DeliveryTest> {
    const queue = await DeliveryTest.open(1);
    await queue.join('a');
    await queue.deliver({ a: 1 });
    await queue.ack('a', [0], 'nack', DELAY_MS);
    return queue;
  }

  it.each([
    ['back', -HOUR_MS],
    ['ahead', HOUR_MS],
  ])('is as long as it was asked for when the clock is set %s meanwhile', async (_, byMs) => {
    const queue = await delayed();
    const { clock, scheduler } = queue.test.led;
    clock.setNowMs(clock.nowMs() + byMs);
    await scheduler.advance(DELAY_MS - 1);
    expect(await queue.deliver({ a: 1 })).toEqual({});
    await scheduler.advance(1);
    expect(await queue.deliver({ a: 1 })).toEqual({ a: ['0x2'] });
  });

  it('goes on at the next coordinator', async () => {
    const queue = await delayed();
    const { scheduler } = queue.test.led;
    await scheduler.advance(DELAY_MS - 1);
    await queue.test.restart();
    expect(await queue.deliver({ a: 1 })).toEqual({});
    await scheduler.advance(1);
    expect(await queue.deliver({ a: 1 })).toEqual({ a: ['0x2'] });
  });

  it('lasts at most once more at a coordinator whose clock is behind', async () => {
    const queue = await delayed();
    const { clock, scheduler } = queue.test.led;
    clock.setNowMs(clock.nowMs() - HOUR_MS);
    await queue.test.restart();
    expect(await queue.deliver({ a: 1 })).toEqual({});
    await scheduler.advance(DELAY_MS);
    expect(await queue.deliver({ a: 1 })).toEqual({ a: ['0x2'] });
  });
});
