import { describe, expect, it } from 'vitest';
import { ledPartition } from '../testing/led-partition.js';
import { TestCoordinators } from '../testing/test-coordinators.js';
import type { GroupSettings } from './group-settings.js';

const GROUP = 'g';
const DEAD_LETTERS = 'dlq.g';

/** A queue group with dead letters of the given topics. */
class RedriveTest {
  private constructor(readonly test: TestCoordinators) {}

  static open(...letters: readonly string[]): Promise<RedriveTest> {
    return RedriveTest.openWith({}, ...letters);
  }

  static async openWith(
    settings: Partial<GroupSettings>,
    ...letters: readonly string[]
  ): Promise<RedriveTest> {
    const test = new TestCoordinators(await ledPartition(), settings);
    test.addTopic('jobs', 1);
    test.addTopic(DEAD_LETTERS, 1);
    test.redrives.letters.push(...letters);
    const request = { memberId: 'a', topics: ['jobs'], mode: 'queue' as const };
    await test.coordinators.join({ group: GROUP, request });
    return new RedriveTest(test);
  }

  /** Runs steps as a broker does, until the end of the partition or the limit. */
  async redrive(options: { limit?: number; topic?: string } = {}) {
    const { limit = 1000, topic: sourceTopic = null } = options;
    const end = this.test.redrives.letters.length;
    const topicId = this.test.topics.get(DEAD_LETTERS)?.id ?? '';
    const place = { topic: DEAD_LETTERS, topicId, partition: 0 };
    const total = { redriven: 0, skipped: 0 };
    for (let from = 0; from < end && total.redriven < limit; ) {
      const call = { group: GROUP, place, sourceTopic, from, end };
      const left = { limit: limit - total.redriven };
      const step = await this.test.coordinators.redrive({ ...call, ...left });
      total.redriven += step.redriven;
      total.skipped += step.skipped;
      from = step.next;
    }
    return total;
  }

  progress() {
    return this.test.coordinators.redriveProgress({ group: GROUP });
  }

  /** Offsets that were put back, in their order. */
  get redriven(): number[] {
    return [...this.test.redrives.batches.values()].flat();
  }
}

describe('dead letters', () => {
  it('are put back once, in batches that fit', async () => {
    const redrive = await RedriveTest.open('jobs', 'jobs', 'jobs');
    expect(await redrive.redrive()).toEqual({ redriven: 3, skipped: 0 });
    expect([...redrive.test.redrives.batches.values()]).toEqual([[0, 1], [2]]);
    expect(await redrive.redrive()).toEqual({ redriven: 0, skipped: 0 });
    redrive.test.redrives.letters.push('jobs');
    await redrive.test.restart();
    expect(await redrive.redrive()).toEqual({ redriven: 1, skipped: 0 });
    expect(redrive.redriven).toEqual([0, 1, 2, 3]);
  });

  it('that a limit leaves wait, and are put back by the next call', async () => {
    const redrive = await RedriveTest.open('jobs', 'jobs', 'jobs', 'jobs');
    expect(await redrive.progress()).toEqual([]);
    expect(await redrive.redrive({ limit: 1 })).toEqual({ redriven: 1, skipped: 0 });
    await redrive.test.restart();
    const place = { topic: DEAD_LETTERS, partition: 0, position: 4 };
    expect(await redrive.progress()).toMatchObject([{ ...place, waiting: [1, 3] }]);
    expect(await redrive.redrive({ limit: 2 })).toEqual({ redriven: 2, skipped: 0 });
    expect(await redrive.redrive()).toEqual({ redriven: 1, skipped: 0 });
    expect(await redrive.progress()).toMatchObject([{ ...place, waiting: [] }]);
    expect(redrive.redriven).toEqual([0, 1, 2, 3]);
  });

  it('of another topic than the one asked for stay, and so do those without a topic', async () => {
    const redrive = await RedriveTest.open('other', 'jobs', 'gone', 'jobs');
    redrive.test.redrives.topics.add('other');
    expect(await redrive.redrive({ topic: 'jobs' })).toEqual({ redriven: 2, skipped: 0 });
    expect(redrive.redriven).toEqual([1, 3]);
    expect(await redrive.redrive()).toEqual({ redriven: 1, skipped: 1 });
    redrive.test.redrives.topics.add('gone');
    expect(await redrive.redrive()).toEqual({ redriven: 1, skipped: 0 });
    expect(redrive.redriven).toEqual([1, 3, 0, 2]);
  });

  it('that stay behind are at most as many as the setting says', async () => {
    const redrive = await RedriveTest.openWith({ redriveWaitingMax: 2 }, 'gone', 'gone', 'gone');
    await expect(redrive.redrive()).rejects.toMatchObject({
      code: 'POLICY_VIOLATION',
      bound: 'SLUICE_REDRIVE_WAITING_MAX',
    });
    redrive.test.redrives.letters.pop();
    expect(await redrive.redrive()).toEqual({ redriven: 0, skipped: 2 });
  });

  it('whose write has an unknown outcome are written again as the same batch', async () => {
    const redrive = await RedriveTest.open('jobs', 'jobs', 'jobs');
    redrive.test.redrives.failures = 1;
    await expect(redrive.redrive()).rejects.toThrow('the answer is lost');
    await redrive.test.restart();
    expect(await redrive.redrive()).toEqual({ redriven: 3, skipped: 0 });
    expect(redrive.redriven).toEqual([0, 1, 2]);
  });

  it('that are gone before their batch is written again are not put back', async () => {
    const redrive = await RedriveTest.open('jobs', 'jobs', 'jobs');
    redrive.test.redrives.failures = 1;
    await expect(redrive.redrive()).rejects.toThrow('the answer is lost');
    redrive.test.redrives.logStart = 1;
    expect(await redrive.redrive()).toEqual({ redriven: 2, skipped: 0 });
    // The second one comes twice: whether its first batch was written cannot be told any more.
    expect(redrive.redriven).toEqual([0, 1, 1, 2]);
  });

  it('are put back once by calls at the same time', async () => {
    const redrive = await RedriveTest.open('jobs', 'jobs', 'jobs', 'jobs', 'jobs');
    const results = await Promise.all([redrive.redrive(), redrive.redrive()]);
    expect(results.reduce((sum, { redriven }) => sum + redriven, 0)).toBe(5);
    expect(redrive.redriven).toEqual([0, 1, 2, 3, 4]);
  });

  it('are forgotten with their group', async () => {
    const redrive = await RedriveTest.open('jobs');
    await redrive.redrive();
    const { coordinators } = redrive.test;
    await coordinators.leave({ group: GROUP, memberId: 'a' });
    await coordinators.delete({ group: GROUP });
    await expect(redrive.redrive()).rejects.toMatchObject({ code: 'GROUP_ID_NOT_FOUND' });
    expect(coordinators.counts.stateBytes).toBe(0);
  });
});
