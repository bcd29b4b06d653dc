import { describe, expect, it } from 'vitest';
import { ProtocolError } from '#protocol';
import { FakeClock } from '#runtime/testing';
import type { FetchRequest, FetchResult } from '../broker.js';
import { QueueReads, scanPosition } from './queue-reads.js';

const ENDS = { highWatermark: 90, logStartOffset: 0, logEndOffset: 90 };
const BOUNDS = { maxBytes: 1000 };
const PLACE = { topic: 't', topicId: 'id', partition: 0 };
const READ = {
  ...PLACE,
  scanOffset: 60,
  scanEpoch: 3,
  due: { atMs: -1, offset: -1 },
  pendingFrom: 60,
  hasPending: false,
  room: 10,
};

describe('the reads of a queue in a log that was truncated and has grown again', () => {
  const asked: FetchRequest[] = [];

  /** A leader in epoch 5, whose log has nothing of epoch 3 from offset 40 on. */
  function leader(request: FetchRequest): Promise<FetchResult> {
    asked.push(request);
    if (request.leaderEpoch === 3 && request.offset > 40) {
      const members = { ...ENDS, divergingOffset: 40 };
      return Promise.reject(new ProtocolError('OFFSET_OUT_OF_RANGE', 'truncated', { members }));
    }
    return Promise.resolve({ batches: [], leaderEpoch: 5, ...ENDS });
  }

  const reads = new QueueReads({
    fetch: leader,
    listDelayed: () => Promise.reject(new Error('the test has no delayed records')),
    clock: new FakeClock(),
  });

  it('offer the offset at which the logs differ, which the poll reports', async () => {
    const { offers, resets } = await reads.find(
      'g',
      { reads: [READ], isKeyOrdered: false },
      BOUNDS,
    );
    const truncation = { scanOffset: 60, scanEpoch: 3, to: 40, leaderEpoch: 5 };
    expect(offers).toEqual([{ ...PLACE, records: null, due: null, truncation }]);
    expect(resets).toMatchObject([{ topic: 't', partition: 0, from: 60, to: 40 }]);
    expect(resets[0]?.reason).toContain('truncated');
  });

  it('offer nothing where both logs have the same records', async () => {
    const same = { ...READ, scanOffset: 40 };
    const { offers, resets } = await reads.find(
      'g',
      { reads: [same], isKeyOrdered: false },
      BOUNDS,
    );
    expect({ offers, resets }).toEqual({ offers: [], resets: [] });
  });

  it('name the epoch of the scan offset, also while they wait', async () => {
    asked.length = 0;
    await reads.find('g', { reads: [{ ...READ, scanOffset: 40 }], isKeyOrdered: false }, BOUNDS);
    expect(asked).toMatchObject([{ offset: 40, leaderEpoch: 3 }]);
    expect(scanPosition(READ)).toEqual({ topic: 't', partition: 0, offset: 60, leaderEpoch: 3 });
  });
});

describe('the reads of a queue while a leader does not answer', () => {
  const away = new ProtocolError('LEADER_NOT_AVAILABLE', 'away', { outcome: 'failed' });
  const refused = new ProtocolError('TOPIC_AUTHORIZATION_FAILED', 'refused');
  const whole: FetchResult = { batches: [], leaderEpoch: 5, ...ENDS };

  function readsOf(fetch: () => Promise<FetchResult>): QueueReads {
    return new QueueReads({
      fetch,
      listDelayed: () => Promise.reject(away),
      clock: new FakeClock(),
    });
  }

  it('find nothing there, neither records nor delayed ones', async () => {
    const wanted = { reads: [{ ...READ, hasPending: true }], isKeyOrdered: false };
    for (const fetch of [() => Promise.reject(away), () => Promise.resolve(whole)]) {
      expect(await readsOf(fetch).find('g', wanted, BOUNDS)).toEqual({
        offers: [],
        nextAtMs: null,
        resets: [],
      });
    }
  });

  it('fail for a caller whom the leader refuses, and give back what was acquired', async () => {
    const reads = readsOf(() => Promise.reject(refused));
    const wanted = { reads: [READ], isKeyOrdered: false };
    await expect(reads.find('g', wanted, BOUNDS)).rejects.toBe(refused);
    const runs = [{ first: 60, last: 60, deliveryCount: 1 }];
    const { found, acks } = await reads.read([{ ...PLACE, runs }], BOUNDS);
    expect(found).toEqual([]);
    expect(acks).toMatchObject([{ topic: 't', partition: 0, offset: 60 }]);
  });
});
