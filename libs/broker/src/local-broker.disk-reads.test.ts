import { describe, expect, it } from 'vitest';
import { FakeDisk } from '#runtime/testing';
import type { FetchRequest, FetchResult } from './broker.js';
import { failureOf } from './testing/failure-of.js';
import { HeldReads } from './testing/held-reads.js';
import { produceOf, valuesOf } from './testing/records.js';
import { TestBroker } from './testing/test-broker.js';

const PARTITION = { topic: 'events', partition: 0 };

describe('reads from disk', () => {
  it('are bounded in number, over all partitions, and have their turns in order', async () => {
    const { test, reads } = await brokerThatReadsDisk();
    const answered: string[] = [];
    const fetches = Array.from({ length: 6 }, async (_, i) => {
      const result = await test.broker.fetch(fetchOf({ partition: i % 2, offset: i >> 1 }));
      answered.push(...valuesOf(result, i >> 1).slice(0, 1));
    });
    for (let left = 6; left > 0; left -= 1) {
      const running = Math.min(2, left);
      const status = { diskReads: running, diskReadsWaiting: left - running };
      await expect
        .poll(() => ({ running: reads.count, ...test.opened.status() }))
        .toMatchObject({ running, ...status });
      reads.releaseFirst();
    }
    await Promise.all(fetches);
    expect(answered).toEqual(['0:a', '0:a', '1:b', '1:b', '2:c', '2:c']);
    expect(test.opened.status()).toMatchObject({ diskReads: 0, diskReadsWaiting: 0 });
  });

  it('do not make readers of the tail wait', async () => {
    const { test, reads } = await brokerThatReadsDisk();
    const cold = [0, 1, 2].map((offset) => test.broker.fetch(fetchOf({ offset })));
    await expect.poll(() => reads.count).toBe(2);
    await test.broker.produce(produceOf('events', [{ value: 'new', partition: 0 }]));
    expect(valuesOf(await test.broker.fetch(fetchOf({ offset: 3 })))).toEqual(['3:new']);
    await finish(reads, cold);
  });

  it('are not made for a caller who is gone when its turn comes', async () => {
    const { test, reads } = await brokerThatReadsDisk();
    const first = [0, 1].map((offset) => test.broker.fetch(fetchOf({ offset })));
    const caller = { isGone: false };
    const abandoned = test.broker.fetch(fetchOf({ caller }));
    const last = test.broker.fetch(fetchOf({ offset: 2 }));
    await expect.poll(() => reads.count).toBe(2);
    caller.isGone = true;
    reads.releaseFirst();
    expect((await abandoned).batches).toEqual([]);
    await expect.poll(() => reads.count).toBe(2);
    await finish(reads, [...first, last]);
    expect(valuesOf(await last, 2)).toEqual(['2:c']);
  });

  it('find what has changed while they waited', async () => {
    const { test, reads } = await brokerThatReadsDisk();
    const first = [0, 1].map((offset) => test.broker.fetch(fetchOf({ offset })));
    const deleted = failureOf(test.broker.fetch(fetchOf({ offset: 0 })));
    const ofTopic = failureOf(test.broker.fetch(fetchOf({ topic: 'others', offset: 0 })));
    await expect.poll(() => reads.count).toBe(2);
    await test.broker.deleteRecords(PARTITION, 1);
    await test.broker.deleteTopic('others');
    await finish(reads, first);
    expect(await deleted).toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' });
    expect(await ofTopic).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' });
  });
});

/** Two reads at a time, each of which waits for the test; nothing of the log is in memory. */
async function brokerThatReadsDisk(): Promise<{ test: TestBroker; reads: HeldReads }> {
  const reads = new HeldReads(new FakeDisk());
  const test = await TestBroker.start({ diskReadsMax: 2, fileSystem: reads.port });
  await test.broker.createTopic({ name: 'events', partitions: 2 });
  await test.broker.createTopic({ name: 'others' });
  for (const value of ['a', 'b', 'c']) {
    for (const partition of [0, 1]) {
      await test.broker.produce(produceOf('events', [{ value, partition }]));
    }
  }
  await test.broker.produce(produceOf('others', ['x']));
  await test.restart();
  reads.isHolding = true;
  return { test, reads };
}

async function finish(reads: HeldReads, fetches: readonly Promise<FetchResult>[]): Promise<void> {
  reads.isHolding = false;
  while (reads.count > 0) reads.releaseFirst();
  await Promise.all(fetches);
}

function fetchOf(request: Partial<FetchRequest>): FetchRequest {
  return { ...PARTITION, offset: 0, maxBytes: 1, minBytes: 1, waitMs: 0, ...request };
}
