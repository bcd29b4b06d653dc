import { describe, expect, it } from 'vitest';
import { BufferPool, type BufferPoolOptions } from './buffer-pool.js';
import { ManualTimers } from './testing/manual-timers.js';

describe('BufferPool', () => {
  it('reserves at once while bytes are available, and counts the rest', async () => {
    const { pool } = poolOf(100);
    expect(pool.tryReserve(60)).toBe(true);
    await pool.reserve(40);
    expect(pool.availableBytes).toBe(0);
    expect(pool.tryReserve(1)).toBe(false);
    pool.release(60);
    expect(pool.availableBytes).toBe(60);
  });

  it('serves waiting callers in order: a small one does not overtake a large one', async () => {
    const { pool } = poolOf(100);
    pool.tryReserve(100);
    const served: string[] = [];
    const large = pool.reserve(80).then(() => served.push('large'));
    const small = pool.reserve(10).then(() => served.push('small'));
    pool.release(50);
    expect(pool.tryReserve(10)).toBe(false);
    expect(pool.waiters).toBe(2);
    pool.release(50);
    await Promise.all([large, small]);
    expect(served).toEqual(['large', 'small']);
    expect(pool.availableBytes).toBe(10);
  });

  it('refuses a caller after max.block.ms, and serves the later ones', async () => {
    const { pool, timers } = poolOf(100, { maxBlockMs: 5000 });
    pool.tryReserve(90);
    const large = codeOf(pool.reserve(50));
    timers.advance(1);
    const small = pool.reserve(10);
    timers.advance(4999);
    expect(await large).toBe('exhausted 100');
    await small;
    expect(pool.availableBytes).toBe(0);
    expect(pool.exhaustedTotal).toBe(1);
    expect(timers.pending).toBe(0);
  });

  it('limits the bytes of waiting callers, and refuses more at once', async () => {
    const { pool } = poolOf(100);
    pool.tryReserve(100);
    const waiting = pool.reserve(70);
    expect(await codeOf(pool.reserve(31))).toBe('exhausted 100');
    pool.release(100);
    await waiting;
  });

  it('lets any number of bytes wait when it is told so', async () => {
    const { pool } = poolOf(100, { waitingBytesMax: Number.POSITIVE_INFINITY });
    pool.tryReserve(100);
    const waiting = [pool.reserve(100), pool.reserve(100), pool.reserve(100)];
    expect(pool.waiters).toBe(3);
    for (const caller of waiting) {
      pool.release(100);
      await caller;
    }
  });

  it('waits as long as one caller says', async () => {
    const { pool, timers } = poolOf(100, { maxBlockMs: 5000 });
    pool.tryReserve(100);
    expect(await codeOf(pool.reserve(1, undefined, 0))).toBe('exhausted 100');
    const refused = codeOf(pool.reserve(1, undefined, 20));
    timers.advance(20);
    expect(await refused).toBe('exhausted 100');
  });

  it('frees the place of a caller that aborts', async () => {
    const { pool, timers } = poolOf(100);
    pool.tryReserve(100);
    const caller = new AbortController();
    const gone = codeOf(pool.reserve(100, caller.signal));
    const next = pool.reserve(0);
    caller.abort();
    expect(await gone).toBe('waitEnded');
    await next;
    expect(pool.waiters).toBe(0);
    expect(timers.pending).toBe(0);
    expect(await codeOf(pool.reserve(1, caller.signal))).toBe('waitEnded');
  });

  it('refuses a reservation larger than the pool', async () => {
    const { pool } = poolOf(100);
    expect(await codeOf(pool.reserve(101))).toBe('neverFits 101 100');
  });

  it('admits thousands of waiting callers at once', async () => {
    const { pool } = poolOf(50_000);
    pool.tryReserve(50_000);
    const waiting = Array.from({ length: 20_000 }, () => pool.reserve(1));
    pool.release(50_000);
    await Promise.all(waiting);
    expect(pool.availableBytes).toBe(30_000);
  });
});

function poolOf(
  totalBytes: number,
  options: Partial<BufferPoolOptions> = {},
): { readonly pool: BufferPool; readonly timers: ManualTimers } {
  const timers = new ManualTimers();
  const errors = {
    exhausted: (total: number) => new Error(`exhausted ${total}`),
    neverFits: (bytes: number, total: number) => new Error(`neverFits ${bytes} ${total}`),
    waitEnded: () => new Error('waitEnded'),
  };
  return {
    pool: new BufferPool({ totalBytes, maxBlockMs: 1000, timers, errors, ...options }),
    timers,
  };
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'none',
    (error: Error) => error.message,
  );
}
