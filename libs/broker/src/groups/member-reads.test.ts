import { describe, expect, it } from 'vitest';
import { ProtocolError } from '#protocol';
import { FakeClock, FakeScheduler } from '#runtime/testing';
import type { FetchRequest, FetchResult } from '../broker.js';
import { MemberReads } from './member-reads.js';

describe('a wait for records', () => {
  it('is a whole number of milliseconds, also where a fraction of one is left', async () => {
    const asked: FetchRequest[] = [];
    const fetch = (request: FetchRequest): Promise<FetchResult> => {
      asked.push(request);
      return Promise.reject(new Error('the test has no records'));
    };
    const scheduler = new FakeScheduler(new FakeClock());
    const reads = new MemberReads({ fetch, scheduler });
    const position = { topic: 't', partition: 0, offset: 3 };
    const waiting = reads.waitForRecords([position], 299.25, new AbortController().signal);
    await scheduler.advance(300);
    await waiting;
    expect(asked).toMatchObject([{ ...position, waitMs: 300 }]);
  });

  it('in many partitions makes Node warn of no leak', async () => {
    const warnings: Error[] = [];
    const warned = (warning: Error): void => void warnings.push(warning);
    process.on('warning', warned);
    const fetch = ({ signal }: FetchRequest): Promise<FetchResult> =>
      new Promise((_, reject) => {
        signal?.addEventListener('abort', () => reject(new Error('the wait is over')));
      });
    const scheduler = new FakeScheduler(new FakeClock());
    const reads = new MemberReads({ fetch, scheduler });
    const positions = Array.from({ length: 64 }, (_, partition) => {
      return { topic: 't', partition, offset: 0 };
    });
    const ended = new AbortController();
    const waiting = reads.waitForRecords(positions, 1000, ended.signal);
    await scheduler.settle();
    ended.abort();
    await scheduler.settle();
    await scheduler.advance(1000);
    await waiting;
    process.off('warning', warned);
    expect(warnings).toEqual([]);
  });

  it('pauses after an answer that came early, as a leader gives it that stops', async () => {
    const ends = { highWatermark: 3, logStartOffset: 0, logEndOffset: 3 };
    const result = { batches: [], leaderEpoch: 1, ...ends };
    const fetch = (): Promise<FetchResult> => Promise.resolve(result);
    const scheduler = new FakeScheduler(new FakeClock());
    const reads = new MemberReads({ fetch, scheduler });
    let isOver = false;
    const position = { topic: 't', partition: 0, offset: 3 };
    const waiting = reads.waitForRecords([position], 300, new AbortController().signal);
    void waiting.then(() => (isOver = true));
    await scheduler.settle();
    expect(isOver).toBe(false);
    await scheduler.advance(50);
    expect(isOver).toBe(true);
  });
});

it('a read gives a leader a second to answer', async () => {
  const asked: FetchRequest[] = [];
  const fetch = (request: FetchRequest): Promise<FetchResult> => {
    asked.push(request);
    return Promise.reject(new ProtocolError('LEADER_NOT_AVAILABLE', 'away'));
  };
  const reads = new MemberReads({ fetch, scheduler: new FakeScheduler(new FakeClock()) });
  const positions = [0, 1].map((partition) => ({ topic: 't', partition, offset: 3 }));
  const found = await reads.read(positions, { limit: 10, maxBytes: 1000 }, 'none');
  expect(asked).toMatchObject([
    { partition: 0, waitMs: 0, leaderWaitMs: 1000 },
    { partition: 1, waitMs: 0, leaderWaitMs: 1000 },
  ]);
  expect(found).toEqual({ reads: [], resets: [] });
});

describe('a position in a log that was truncated and has grown again', () => {
  const ENDS = { highWatermark: 90, logStartOffset: 0, logEndOffset: 90 };
  const position = { topic: 't', partition: 0, offset: 60, leaderEpoch: 3 };

  /** A leader in epoch 5, whose log has nothing of epoch 3 from offset 40 on. */
  function leader({ offset, leaderEpoch }: FetchRequest): Promise<FetchResult> {
    if (leaderEpoch === 3 && offset > 40) {
      const members = { ...ENDS, divergingOffset: 40 };
      return Promise.reject(new ProtocolError('OFFSET_OUT_OF_RANGE', 'truncated', { members }));
    }
    return Promise.resolve({ batches: [], leaderEpoch: 5, ...ENDS });
  }

  const bounds = { limit: 10, maxBytes: 1000 };
  const reads = new MemberReads({ fetch: leader, scheduler: new FakeScheduler(new FakeClock()) });

  it('is moved back to where the logs part, which the answer says', async () => {
    for (const policy of ['earliest', 'latest'] as const) {
      const { reads: found, resets } = await reads.read([position], bounds, policy);
      const target = { topic: 't', partition: 0 };
      expect(resets).toMatchObject([{ ...target, from: 60, to: 40 }]);
      expect(resets[0]?.reason).toContain('truncated');
      expect(found).toMatchObject([{ ...target, offset: 40, leaderEpoch: 5 }]);
    }
  });

  it('is an error for a member without a reset', async () => {
    await expect(reads.read([position], bounds, 'none')).rejects.toMatchObject({
      code: 'OFFSET_OUT_OF_RANGE',
    });
  });

  it('is read on from where both have the same records', async () => {
    const { resets } = await reads.read([{ ...position, offset: 40 }], bounds, 'none');
    expect(resets).toEqual([]);
  });
});

it('a position that is gone again after it was reset is read by the next poll', async () => {
  const starts = [40, 50];
  const asked: number[] = [];
  const fetch = ({ offset }: FetchRequest): Promise<FetchResult> => {
    asked.push(offset);
    const logStartOffset = starts.shift() ?? 50;
    const members = { logStartOffset, highWatermark: 90, logEndOffset: 90 };
    return Promise.reject(new ProtocolError('OFFSET_OUT_OF_RANGE', 'deleted', { members }));
  };
  const reads = new MemberReads({ fetch, scheduler: new FakeScheduler(new FakeClock()) });
  const position = { topic: 't', partition: 0, offset: 3 };
  const bounds = { limit: 10, maxBytes: 1000 };
  const { reads: found, resets } = await reads.read([position], bounds, 'earliest');
  expect(asked).toEqual([3, 40]);
  expect(found).toEqual([]);
  expect(resets).toMatchObject([{ from: 3, to: 40 }]);
});
