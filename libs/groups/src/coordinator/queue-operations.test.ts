import { describe, expect, it } from 'vitest';
import { ledPartition } from '../testing/led-partition.js';
import { TestCoordinators } from '../testing/test-coordinators.js';

const GROUP = 'g';
const END = 4;

/** A queue group on a topic of one partition with four records, and its member `a`. */
class OperatedQueue {
  private constructor(readonly test: TestCoordinators) {}

  static async open(): Promise<OperatedQueue> {
    const test = new TestCoordinators(await ledPartition());
    test.addTopic('jobs', 1, END);
    const queue = new OperatedQueue(test);
    await queue.join({ autoOffsetReset: 'earliest' });
    return queue;
  }

  get place() {
    return { topic: 'jobs', topicId: this.test.topics.get('jobs')?.id ?? '', partition: 0 };
  }

  get #calls() {
    return this.test.coordinators;
  }

  async join(options: object): Promise<void> {
    const request = { memberId: 'a', topics: ['jobs'], mode: 'queue', ...options } as never;
    await this.#calls.join({ group: GROUP, request });
  }

  /** Offsets that the member gets. */
  async poll(recordsMax: number): Promise<number[]> {
    const poll = { group: GROUP, memberId: 'a', receiveId: null, recordsMax };
    const { reads } = await this.#calls.queuePoll({ ...poll, recordsMax: 0, offers: [] });
    const offers = reads.map(({ scanOffset: from }) => {
      const ranges = from < END ? [from, END - 1] : [];
      const records = { from, to: Math.max(from, END), logStartOffset: 0, ranges };
      return { ...this.place, due: null, records };
    });
    const { acquired } = await this.#calls.queuePoll({ ...poll, offers });
    return acquired.flatMap(({ runs }) =>
      runs.flatMap(({ first, last }) =>
        Array.from({ length: last - first + 1 }, (_, at) => first + at),
      ),
    );
  }

  leave(): Promise<void> {
    return this.#calls.leave({ group: GROUP, memberId: 'a' });
  }

  purge(offset = END): Promise<void> {
    return this.#calls.purgeQueue({ group: GROUP, ends: [{ ...this.place, offset }] });
  }

  reset(offset: number): Promise<void> {
    return this.#calls.resetQueue({ group: GROUP, targets: [{ ...this.place, offset }] });
  }

  cancel(offset: number) {
    const record = { offset, deliverAtMs: null };
    return this.#calls.cancelRecord({ group: GROUP, place: this.place, record });
  }

  records(filter: { topic?: string; partition?: number; fromOffset?: number; limit?: number }) {
    const { topic = null, partition = null, fromOffset = 0, limit = 100 } = filter;
    return this.#calls.queueRecords({ group: GROUP, topic, partition, fromOffset, limit });
  }
}

describe('the records in flight', () => {
  it('are shown with their member, their lock and their time', async () => {
    const queue = await OperatedQueue.open();
    await queue.poll(2);
    const acks = [{ ...queue.place, offset: 1, type: 'nack' as const, delayMs: 5000 }];
    await queue.test.coordinators.acknowledge({ group: GROUP, memberId: 'a', acks });
    const at = { topic: 'jobs', partition: 0, memberId: null, lockLeftMs: null, availableAt: null };
    const availableAt = queue.test.led.clock.nowMs() + 5000;
    expect(await queue.records({})).toEqual([
      { ...at, offset: 0, state: 'acquired', deliveryCount: 1, memberId: 'a', lockLeftMs: 30_000 },
      { ...at, offset: 1, state: 'delayed', deliveryCount: 2, availableAt },
      { ...at, offset: 2, state: 'available', deliveryCount: 1 },
      { ...at, offset: 3, state: 'available', deliveryCount: 1 },
    ]);
  });

  it('are those that the question names', async () => {
    const queue = await OperatedQueue.open();
    await queue.poll(1);
    const offsets = async (filter: Parameters<OperatedQueue['records']>[0]) =>
      (await queue.records(filter)).map(({ offset }) => offset);
    expect(await offsets({ fromOffset: 1, limit: 2 })).toEqual([1, 2]);
    expect(await offsets({ topic: 'jobs', partition: 0 })).toEqual([0, 1, 2, 3]);
    expect(await offsets({ topic: 'other' })).toEqual([]);
    expect(await offsets({ partition: 1 })).toEqual([]);
  });
});

describe('a purge', () => {
  it('finishes what no member has, and survives the coordinator', async () => {
    const queue = await OperatedQueue.open();
    expect(await queue.poll(1)).toEqual([0]);
    await queue.purge();
    await queue.test.restart();
    expect(await queue.records({})).toMatchObject([{ offset: 0, state: 'acquired' }]);
    await queue.test.led.scheduler.advance(30_000);
    expect(await queue.poll(9)).toEqual([0]);
  });

  it('works before the first poll', async () => {
    const queue = await OperatedQueue.open();
    await queue.purge();
    expect(await queue.poll(9)).toEqual([]);
  });
});

describe('a cancelled record', () => {
  it('is not delivered, also when no member has polled yet', async () => {
    const queue = await OperatedQueue.open();
    expect(await queue.cancel(1)).toBe('done');
    await queue.test.restart();
    expect(await queue.poll(9)).toEqual([0, 2, 3]);
    expect(await queue.cancel(0)).toBe('inUse');
    expect(await queue.cancel(1)).toBe('finished');
  });
});

describe('a reset of a queue', () => {
  it('drops the window and begins again at the offset', async () => {
    const queue = await OperatedQueue.open();
    await queue.poll(9);
    await expect(queue.reset(2)).rejects.toMatchObject({ code: 'NON_EMPTY_GROUP' });
    await queue.leave();
    await queue.reset(2);
    await queue.test.restart();
    expect(await queue.test.coordinators.committed(GROUP)).toMatchObject([{ offset: 2 }]);
    await queue.join({});
    expect(await queue.poll(9)).toEqual([2, 3]);
  });
});

describe('positions of a queue group', () => {
  it('cannot be committed, neither with members nor without', async () => {
    const queue = await OperatedQueue.open();
    const offsets = [{ topic: 'jobs', partition: 0, offset: 0 }];
    const { coordinators } = queue.test;
    const refusal = { code: 'INCONSISTENT_GROUP_PROTOCOL' };
    await expect(coordinators.commit(GROUP, offsets)).rejects.toMatchObject(refusal);
    const asMember = { group: GROUP, memberId: 'a', generation: 1, offsets };
    await expect(coordinators.commitAsMember(asMember)).rejects.toMatchObject(refusal);
    await queue.leave();
    await expect(coordinators.commit(GROUP, offsets)).rejects.toMatchObject(refusal);
  });

  it('follow the config of the group before the wish of a member', async () => {
    const queue = await OperatedQueue.open();
    await queue.leave();
    await queue.test.coordinators.delete({ group: GROUP });
    const changes = [{ name: 'share.auto.offset.reset', value: 'earliest' }];
    await queue.test.coordinators.alterConfigs({ group: GROUP, changes });
    await queue.join({ autoOffsetReset: 'latest' });
    expect(await queue.poll(9)).toEqual([0, 1, 2, 3]);
  });

  it('are never missing: "none" is not a policy of a queue', async () => {
    const queue = await OperatedQueue.open();
    await expect(queue.join({ memberId: 'b', autoOffsetReset: 'none' })).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
      faults: [{ pointer: '/autoOffsetReset' }],
    });
  });
});

describe('operations on a group that is not a queue', () => {
  it('are refused', async () => {
    const queue = await OperatedQueue.open();
    const all = { topic: null, partition: null, fromOffset: 0, limit: 1 };
    const { coordinators } = queue.test;
    await expect(coordinators.queueRecords({ group: 'none', ...all })).rejects.toMatchObject({
      code: 'GROUP_ID_NOT_FOUND',
    });
    const request = { memberId: 's', topics: ['jobs'] };
    await coordinators.join({ group: 'stream', request });
    await expect(coordinators.queueRecords({ group: 'stream', ...all })).rejects.toMatchObject({
      code: 'INCONSISTENT_GROUP_PROTOCOL',
    });
  });
});
