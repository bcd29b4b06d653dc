import { describe, expect, it } from 'vitest';
import type { Offset } from '#protocol';
import { atOnce } from '#runtime';
import { deadLetterTopicOf } from '../queue/dead-letter-topic.js';
import { offsetsIn } from '../queue/offset-ranges.js';
import type { PartitionAck } from '../state/decide-queue.js';
import { ledPartition } from '../testing/led-partition.js';
import { TestCoordinators } from '../testing/test-coordinators.js';
import type { QueuePollAnswer } from './group-queues.js';

const LOCK_MS = 30_000;
const SESSION_MS = 45_000;

/** A queue group on a topic whose records are all known to the brokers of its members. */
class QueueTest {
  readonly test: TestCoordinators;
  readonly #end: Offset;

  private constructor(test: TestCoordinators, end: Offset) {
    this.test = test;
    this.#end = end;
  }

  static async open(partitions: number, end: Offset): Promise<QueueTest> {
    const test = new TestCoordinators(await ledPartition());
    test.addTopic('jobs', partitions, end);
    return new QueueTest(test, end);
  }

  get topicId(): string {
    return this.test.topics.get('jobs')?.id ?? '';
  }

  join(memberId: string, request: object = {}) {
    const options = { memberId, topics: ['jobs'], mode: 'queue', autoOffsetReset: 'earliest' };
    const joined = { ...options, ...request } as never;
    return this.test.coordinators.join({ group: 'g', request: joined });
  }

  /** Polls once with nothing found, then with everything that the broker finds. */
  async poll(memberId: string, recordsMax: number, receiveId: string | null = null) {
    const poll = { group: 'g', memberId, receiveId, recordsMax };
    const first = await this.test.coordinators.queuePoll({ ...poll, offers: [] });
    if (first.acquired.length > 0) return recordsOf(first);
    const offers = first.reads
      .filter(({ scanOffset }) => scanOffset < this.#end)
      .map(({ topic, topicId, partition, scanOffset: from }) => {
        const ranges = [from, this.#end - 1];
        const records = { from, to: this.#end, logStartOffset: 0, ranges };
        return { topic, topicId, partition, due: null, records };
      });
    return recordsOf(await this.test.coordinators.queuePoll({ ...poll, offers }));
  }

  ack(memberId: string, offsets: readonly number[], type: PartitionAck['type'] = 'ack') {
    const { topicId } = this;
    const acks = offsets.map((offset) => {
      return { topic: 'jobs', topicId, partition: 0, offset, type };
    });
    return this.test.coordinators.acknowledge({ group: 'g', memberId, acks });
  }

  async alter(name: string, value: unknown): Promise<void> {
    await this.test.coordinators.alterConfigs({ group: 'g', changes: [{ name, value }] });
  }

  async advance(ms: number): Promise<void> {
    await this.test.led.scheduler.advance(ms);
  }
}

function recordsOf({ acquired }: QueuePollAnswer): string[] {
  return acquired.flatMap(({ partition, runs }) =>
    runs.flatMap(({ first, last, deliveryCount }) =>
      [...offsetsIn([first, last])].map((offset) => `${partition}:${offset}x${deliveryCount}`),
    ),
  );
}

describe('members of a queue group', () => {
  it('share each partition, and no record is with two of them', async () => {
    const queue = await QueueTest.open(1, 5);
    expect((await queue.join('a')).assignment).toHaveLength(1);
    expect((await queue.join('b')).assignment).toHaveLength(1);
    expect(await queue.poll('a', 2)).toEqual(['0:0x1', '0:1x1']);
    expect(await queue.poll('b', 2)).toEqual(['0:2x1', '0:3x1']);
    expect(await queue.poll('a', 2)).toEqual(['0:4x1']);
    expect(await queue.poll('b', 2)).toEqual([]);
  });

  it('get records of all partitions, beginning with another one each time', async () => {
    const queue = await QueueTest.open(3, 4);
    await queue.join('a');
    const partitions = new Set<string>();
    for (let at = 0; at < 3; at += 1) {
      for (const record of await queue.poll('a', 2)) partitions.add(record.slice(0, 1));
    }
    expect(partitions.size).toBeGreaterThan(1);
  });

  it('begin at the end of the topic unless they ask for all of it', async () => {
    const queue = await QueueTest.open(1, 5);
    await queue.join('a', { autoOffsetReset: 'latest' });
    expect(await queue.poll('a', 10)).toEqual([]);
  });

  it('that join again with other topics leave the earlier ones at once', async () => {
    const queue = await QueueTest.open(1, 5);
    queue.test.addTopic('others', 1, 5);
    await queue.join('a');
    expect(await queue.poll('a', 1)).toEqual(['0:0x1']);
    const again = await queue.join('a', { topics: ['others'] });
    expect(again.assignment).toMatchObject([{ topic: 'others' }]);
    expect(again.revoking).toEqual([]);
    // It still has the record that it got before.
    expect(await queue.ack('a', [0])).toEqual(['done']);
  });

  it('cannot be in stream mode', async () => {
    const queue = await QueueTest.open(1, 5);
    await queue.join('a');
    await expect(queue.join('b', { mode: 'stream' })).rejects.toMatchObject({
      code: 'INCONSISTENT_GROUP_PROTOCOL',
    });
    await expect(queue.poll('b', 1)).rejects.toMatchObject({ code: 'UNKNOWN_MEMBER_ID' });
  });
});

describe('a record of a queue', () => {
  it('that was acknowledged does not come back, whoever coordinates', async () => {
    const queue = await QueueTest.open(1, 3);
    await queue.join('a');
    await queue.poll('a', 3);
    expect(await queue.ack('a', [0, 2])).toEqual(['done', 'done']);
    await queue.test.restart();
    expect(await queue.poll('a', 9)).toEqual([]);
    await queue.advance(LOCK_MS - 1);
    expect(await queue.poll('a', 9)).toEqual([]);
    await queue.advance(1);
    expect(await queue.poll('a', 9)).toEqual(['0:1x2']);
    expect(await queue.ack('a', [0])).toEqual(['done']);
  });

  it('that a member has can be acknowledged at the next coordinator', async () => {
    const queue = await QueueTest.open(1, 1);
    await queue.join('a');
    await queue.poll('a', 1);
    await queue.advance(LOCK_MS - 1000);
    await queue.test.restart();
    await queue.advance(2000);
    expect(await queue.ack('a', [0])).toEqual(['done']);
  });

  it('comes back when its lock is over, without a request', async () => {
    const queue = await QueueTest.open(1, 1);
    await queue.join('a');
    await queue.join('b');
    await queue.poll('a', 1);
    let changes = 0;
    const unwatch = queue.test.coordinators.watches.add('g', () => {
      changes += 1;
    });
    await queue.advance(LOCK_MS);
    expect(changes).toBeGreaterThan(0);
    unwatch();
    expect(await queue.poll('b', 1)).toEqual(['0:0x2']);
    expect(await queue.ack('a', [0])).toEqual(['notAcquired']);
  });

  it('comes back at the next coordinator when its lock is over at a replaced one', async () => {
    const queue = await QueueTest.open(1, 2);
    for (const member of ['a', 'b']) {
      await queue.join(member);
      await queue.poll(member, 1);
      await queue.advance(1000);
    }
    const { partition, metadata } = queue.test.led;
    await partition.becomeLeader({ ...metadata, leaderEpoch: 1, electionId: 'other' });
    // It may not write any more: if it tried again at once, no time would ever pass.
    await queue.advance(LOCK_MS);
    queue.test.lead();
    await queue.advance(LOCK_MS);
    expect(await queue.poll('a', 2)).toEqual(['0:0x2', '0:1x2']);
  });

  it('comes back when its member leaves, and counts only when its session is over', async () => {
    const queue = await QueueTest.open(1, 1);
    await queue.join('a');
    await queue.join('b');
    await queue.poll('a', 1);
    await queue.test.coordinators.leave({ group: 'g', memberId: 'a' });
    expect(await queue.poll('b', 1)).toEqual(['0:0x1']);
    await queue.ack('b', [0], 'extend');
    await queue.test.coordinators.alterConfigs({
      group: 'g',
      changes: [{ name: 'share.record.lock.duration.ms', value: 3_000_000 }],
    });
    await queue.ack('b', [0], 'extend');
    await queue.advance(SESSION_MS + 1);
    await queue.join('c');
    expect(await queue.poll('c', 1)).toEqual(['0:0x2']);
  });

  it('is answered again to a repeated poll, and nothing else with it', async () => {
    const queue = await QueueTest.open(2, 2);
    await queue.join('a');
    const first = await queue.poll('a', 1, 'r1');
    expect(await queue.poll('a', 4, 'r1')).toEqual(first);
  });

  it('is counted at each step of its way', async () => {
    const queue = await QueueTest.open(1, 6);
    await queue.join('a');
    await queue.poll('a', 5);
    await queue.ack('a', [0, 1]);
    await queue.ack('a', [2], 'nack');
    await queue.ack('a', [3], 'reject');
    await queue.advance(LOCK_MS);
    await queue.poll('a', 1);
    expect(atOnce(queue.test.coordinators.queueCounts())).toMatchObject({
      acquired: 1,
      waiting: 2,
      pending: 0,
      acquiredTotal: 6,
      redeliveredTotal: 1,
      acknowledgedTotal: 2,
      releasedTotal: 2,
      rejectedTotal: 1,
      locksExpiredTotal: 1,
      deadLettersTotal: 1,
    });
  });

  it('is not delivered while the group is paused', async () => {
    const queue = await QueueTest.open(1, 1);
    await queue.join('a');
    await queue.test.coordinators.alterConfigs({
      group: 'g',
      changes: [{ name: 'sluice.share.paused', value: true }],
    });
    expect(await queue.poll('a', 1)).toEqual([]);
    await queue.test.coordinators.alterConfigs({
      group: 'g',
      changes: [{ name: 'sluice.share.paused', value: false }],
    });
    expect(await queue.poll('a', 1)).toEqual(['0:0x1']);
  });
});

describe('the dead-letter topic of a group', () => {
  it('is a legal name of its own for every group', () => {
    const named = (group: string) => deadLetterTopicOf(group, new Map());
    expect(named('orders')).toBe('dlq.orders');
    expect(named('a b')).toMatch(/^dlq\.a_b-[0-9a-f]{16}$/u);
    expect(named('a_b')).toBe('dlq.a_b');
    expect(named('x'.repeat(255))).toHaveLength(4 + 200 + 1 + 16);
  });
});

describe('a dead letter', () => {
  it('is written for a record that was rejected or delivered too often', async () => {
    const queue = await QueueTest.open(1, 2);
    await queue.join('a');
    await queue.alter('share.delivery.count.limit', 1);
    await queue.poll('a', 2);
    await queue.ack('a', [0], 'reject');
    await queue.advance(LOCK_MS);
    const batches = [...queue.test.deadLetters.batches.values()];
    expect(batches.flatMap(({ letters }) => letters)).toEqual([
      { offset: 0, deliveryCount: 1, reason: 'A member rejected the record.' },
      { offset: 1, deliveryCount: 1, reason: 'The record was delivered once.' },
    ]);
    expect(batches[0]?.plan).toMatchObject({ topic: 'dlq.g', sequence: 0 });
    expect(batches[1]?.plan).toMatchObject({ sequence: 1 });
    expect(await queue.poll('a', 9)).toEqual([]);
  });

  it('is the same batch when it is written again, also by the next coordinator', async () => {
    const queue = await QueueTest.open(1, 1);
    await queue.join('a');
    await queue.poll('a', 1);
    queue.test.deadLetters.failures = 1;
    await queue.ack('a', [0], 'reject');
    await queue.advance(1);
    await queue.test.restart();
    await queue.poll('a', 1);
    await queue.advance(10_000);
    expect(queue.test.deadLetters.batches.size).toBe(1);
    expect(await queue.ack('a', [0])).toEqual(['finished']);
  });

  it('is not written where the group has no topic for it', async () => {
    const queue = await QueueTest.open(1, 1);
    await queue.join('a');
    await queue.alter('errors.deadletterqueue.topic.name', '');
    await queue.poll('a', 1);
    await queue.ack('a', [0], 'reject');
    await queue.advance(10_000);
    expect(queue.test.deadLetters.batches.size).toBe(0);
    expect(await queue.ack('a', [0])).toEqual(['finished']);
  });
});

describe('a queue group that is deleted', () => {
  it('begins again from nothing under the same name', async () => {
    const queue = await QueueTest.open(1, 2);
    await queue.join('a');
    await queue.ack('a', [0].concat(await queue.poll('a', 1).then(() => [])));
    await queue.test.coordinators.leave({ group: 'g', memberId: 'a' });
    await queue.test.coordinators.delete({ group: 'g' });
    await queue.test.restart();
    await queue.join('a');
    expect(await queue.poll('a', 5)).toEqual(['0:0x1', '0:1x1']);
  });
});

describe('the configs of a queue group', () => {
  it('name its own dead-letter topic by default', async () => {
    const { test } = await QueueTest.open(1, 0);
    const configs = await test.coordinators.configs({ group: 'g' });
    expect(configs).toContainEqual({
      name: 'errors.deadletterqueue.topic.name',
      value: 'dlq.g',
      source: 'default',
    });
  });

  it('change the order by key only while the group has no members', async () => {
    const queue = await QueueTest.open(1, 0);
    const { coordinators } = queue.test;
    const order = (value: string) =>
      coordinators.alterConfigs({
        group: 'g',
        changes: [{ name: 'sluice.share.key.ordered', value }],
      });
    await order('true');
    await queue.join('a');
    await expect(order('false')).rejects.toMatchObject({ code: 'NON_EMPTY_GROUP' });
    await order('true');
    await coordinators.leave({ group: 'g', memberId: 'a' });
    await order('false');
  });
});
