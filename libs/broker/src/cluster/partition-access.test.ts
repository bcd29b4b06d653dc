import { expect, it } from 'vitest';
import type { CoordinationStore } from '#coordination';
import { type Peers, PeerUnreachableError, type ReplicaManager } from '#replication';
import { FakeClock, FakeScheduler, SeededRandom } from '#runtime/testing';
import type { DelayedRecords } from '../delayed-records.js';
import { LeaderCalls } from './leader-calls.js';
import type { LeadershipCheck } from './leadership-check.js';
import { PartitionAccess } from './partition-access.js';

const REQUEST = { topic: 't', partition: 0, offset: 0, maxBytes: 1, minBytes: 1, waitMs: 0 };

it('a fetch waits for its leader as long as it says, and by default for the set time', async () => {
  for (const [request, waitedMs] of [
    [{ ...REQUEST, leaderWaitMs: 200 }, 200],
    [REQUEST, 5000],
    [{ ...REQUEST, waitMs: 300, leaderWaitMs: 200 }, 500],
  ] as const) {
    const { access, scheduler, timeouts } = world();
    let code: unknown;
    access.fetch(request).catch((error: unknown) => {
      ({ code } = error as { readonly code: string });
    });
    await scheduler.settle();
    expect(timeouts).toEqual([waitedMs]);
    await scheduler.advance(waitedMs - 1);
    expect(code).toBeUndefined();
    await scheduler.advance(1);
    expect(code).toBe('REQUEST_TIMED_OUT');
  }
});

/** Broker 1; broker 2 leads the partition and does not answer. */
function world() {
  const clock = new FakeClock();
  const scheduler = new FakeScheduler(clock);
  const timeouts: number[] = [];
  const topics = new Map([['t', { partitions: [{ leader: 2, isr: [2] }] }]]);
  const store = { state: { topics }, onChange: () => () => undefined };
  const peers = {
    call: (_: number, __: string, ___: unknown, { timeoutMs }: { readonly timeoutMs: number }) => {
      timeouts.push(timeoutMs);
      return new Promise((_resolve, reject) => {
        scheduler.after(timeoutMs, () => reject(new PeerUnreachableError(2, true, new Error())));
      });
    },
  };
  const brokerId = 1;
  const shared = { store: store as unknown as CoordinationStore, brokerId, clock };
  const access = new PartitionAccess({
    ...shared,
    replicas: { table: { partition: () => undefined } } as unknown as ReplicaManager,
    delayed: {} as DelayedRecords,
    peers: peers as unknown as Peers,
    leaders: new LeaderCalls({ ...shared, scheduler, random: new SeededRandom(1) }),
    leadership: {} as LeadershipCheck,
    unpacker: undefined as never,
    leaderWaitMs: 5000,
  });
  return { access, scheduler, timeouts };
}
