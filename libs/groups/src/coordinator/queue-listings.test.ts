import { describe, expect, it } from 'vitest';
import { ledPartition } from '../testing/led-partition.js';
import { TestCoordinators } from '../testing/test-coordinators.js';

const RETRY_MS = 500;

class ListedQueue {
  private constructor(readonly test: TestCoordinators) {}

  static async open(): Promise<ListedQueue> {
    const test = new TestCoordinators(await ledPartition());
    test.addTopic('jobs', 1, 4);
    return new ListedQueue(test);
  }

  get groups() {
    return this.test.topics.get('jobs')?.queueGroups;
  }

  async join(memberId: string, options: object = {}): Promise<number> {
    const request = { memberId, topics: ['jobs'], mode: 'queue', ...options } as never;
    const { assignment } = await this.test.coordinators.join({ group: 'g', request });
    return assignment.length;
  }

  async floors(): Promise<readonly { readonly partition: number; readonly offset: number }[]> {
    const topicId = this.test.topics.get('jobs')?.id ?? '';
    const call = { group: 'g', topic: 'jobs', topicId };
    return (await this.test.coordinators.queueFloors(call)).floors;
  }

  async deleteGroup(): Promise<void> {
    await this.test.coordinators.leave({ group: 'g', memberId: 'a' });
    await this.test.coordinators.delete({ group: 'g' });
  }

  async alterReset(value: string): Promise<void> {
    const changes = [{ name: 'share.auto.offset.reset', value }];
    await this.test.coordinators.alterConfigs({ group: 'g', changes });
  }

  deleteOnAck(): void {
    const topic = this.test.topics.get('jobs');
    if (topic !== undefined) topic.isDeletedOnAck = true;
  }
}

describe('a topic', () => {
  it('lists a queue group before the group has a position', async () => {
    const queue = await ListedQueue.open();
    queue.test.lists.failures = 1;
    expect(await queue.join('a')).toBe(0);
    expect(queue.groups).toEqual([]);
    expect(await queue.test.coordinators.committed('g')).toEqual([]);
    await queue.test.led.scheduler.advance(RETRY_MS);
    expect(queue.groups).toEqual(['g']);
    expect(await queue.test.coordinators.committed('g')).toMatchObject([{ offset: 4 }]);
  });

  it('lists a group that subscribed before it was there', async () => {
    const queue = await ListedQueue.open();
    await queue.join('a', { topics: ['later'] });
    queue.test.addTopic('later', 1, 2);
    await expect.poll(() => queue.test.topics.get('later')?.queueGroups).toEqual(['g']);
    // The topic is younger than the subscription, so all of it is read.
    await expect
      .poll(() => queue.test.coordinators.committed('g', 'later'))
      .toMatchObject([{ offset: 0 }]);
  });

  it('does not list groups of streams', async () => {
    const queue = await ListedQueue.open();
    await queue.join('a', { mode: 'stream' });
    expect(queue.groups).toEqual([]);
  });

  it('does not list a group that was deleted', async () => {
    const queue = await ListedQueue.open();
    await queue.join('a');
    await queue.deleteGroup();
    await expect.poll(() => queue.groups).toEqual([]);
  });

  it('forgets a group that was deleted while the metadata could not be changed', async () => {
    const queue = await ListedQueue.open();
    await queue.join('a');
    queue.test.lists.failures = 1;
    await queue.deleteGroup();
    expect(queue.groups).toEqual(['g']);
    await expect(queue.floors()).rejects.toMatchObject({ code: 'GROUP_ID_NOT_FOUND' });
    await expect.poll(() => queue.groups).toEqual([]);
  });

  it('keeps a group that began again while it was removed from the list', async () => {
    const queue = await ListedQueue.open();
    await queue.join('a');
    const deleted = queue.deleteGroup();
    await Promise.all([deleted, deleted.then(() => queue.join('a'))]);
    await expect.poll(() => queue.groups).toEqual(['g']);
  });
});

describe('the floor of a queue group', () => {
  it('is the first offset that it is not done with', async () => {
    const queue = await ListedQueue.open();
    await queue.join('a', { autoOffsetReset: 'earliest' });
    expect(await queue.floors()).toEqual([]);
    const poll = { group: 'g', memberId: 'a', receiveId: null, recordsMax: 9 };
    const { reads } = await queue.test.coordinators.queuePoll({ ...poll, offers: [] });
    const offers = reads.map(({ topic, topicId, partition }) => {
      // The record at offset 1 is delayed, and so is not in the window.
      const delayed = [1, 10 ** 15];
      const records = { from: 0, to: 4, logStartOffset: 0, ranges: [0, 3], delayed };
      return { topic, topicId, partition, due: null, records };
    });
    await queue.test.coordinators.queuePoll({ ...poll, offers });
    expect(await queue.floors()).toEqual([{ partition: 0, offset: 0 }]);
    const place = { topic: 'jobs', topicId: queue.test.topics.get('jobs')?.id ?? '', partition: 0 };
    const acks = [0, 2, 3].map((offset) => ({ ...place, offset, type: 'ack' as const }));
    await queue.test.coordinators.acknowledge({ group: 'g', memberId: 'a', acks });
    const [floor] = await queue.floors();
    expect(floor?.offset).toBeLessThanOrEqual(1);
    const record = { offset: 1, deliverAtMs: 10 ** 15 };
    await queue.test.coordinators.cancelRecord({ group: 'g', place, record });
    expect(await queue.floors()).toEqual([{ partition: 0, offset: 4 }]);
  });
});

describe('a queue on a topic with sluice.delete.on.ack', () => {
  it('begins at the start, and cannot ask for the end', async () => {
    const queue = await ListedQueue.open();
    queue.deleteOnAck();
    await expect(queue.join('a', { autoOffsetReset: 'latest' })).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
      faults: [{ pointer: '/autoOffsetReset' }],
    });
    await queue.join('a');
    expect(await queue.test.coordinators.committed('g')).toMatchObject([{ offset: 0 }]);
  });

  it('refuses members while the config of the group asks for the end', async () => {
    const queue = await ListedQueue.open();
    queue.deleteOnAck();
    await queue.alterReset('latest');
    await expect(queue.join('a')).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
      faults: [{ pointer: '/topics' }],
    });
    await queue.alterReset('earliest');
    expect(await queue.join('a')).toBe(1);
  });

  it('refuses the config of the end while its group has members', async () => {
    const queue = await ListedQueue.open();
    queue.deleteOnAck();
    await queue.join('a');
    await expect(queue.alterReset('latest')).rejects.toMatchObject({
      code: 'INVALID_CONFIG',
      faults: [{ pointer: '/configs/share.auto.offset.reset' }],
    });
    await queue.alterReset('earliest');
  });

  it('does not hinder a stream that asks for the end', async () => {
    const queue = await ListedQueue.open();
    queue.deleteOnAck();
    expect(await queue.join('a', { mode: 'stream', autoOffsetReset: 'latest' })).toBe(1);
  });
});
