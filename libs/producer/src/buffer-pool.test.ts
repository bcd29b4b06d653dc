import { describe, expect, it } from 'vitest';
import type { ProtocolError } from '#protocol';
import { BufferPool } from './buffer-pool.js';
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

  it('refuses a caller after max.block.ms, and serves those behind it', async () => {
    const { pool, timers } = poolOf(100, 5000);
    pool.tryReserve(90);
    const large = codeOf(pool.reserve(50));
    timers.advance(1);
    const small = pool.reserve(10);
    timers.advance(4999);
    expect(await large).toBe('BUFFER_EXHAUSTED');
    await small;
    expect(pool.availableBytes).toBe(0);
    expect(pool.exhaustedTotal).toBe(1);
    expect(timers.pending).toBe(0);
  });

  it('says when to retry', async () => {
    const { pool, timers } = poolOf(10, 1);
    pool.tryReserve(10);
    const refused = pool.reserve(1).catch((error: ProtocolError) => error.retryAfterMs);
    timers.advance(1);
    expect(await refused).toBeGreaterThan(0);
  });

  it('limits the bytes of waiting callers, and refuses more at once', async () => {
    const { pool } = poolOf(100);
    pool.tryReserve(100);
    const waiting = pool.reserve(70);
    expect(await codeOf(pool.reserve(31))).toBe('BUFFER_EXHAUSTED');
    pool.release(100);
    await waiting;
  });

  it('frees the place of a caller that aborts', async () => {
    const { pool, timers } = poolOf(100);
    pool.tryReserve(100);
    const caller = new AbortController();
    const gone = codeOf(pool.reserve(100, caller.signal));
    const next = pool.reserve(0);
    caller.abort();
    expect(await gone).toBe('REQUEST_TIMED_OUT');
    await next;
    expect(pool.waiters).toBe(0);
    expect(timers.pending).toBe(0);
    expect(await codeOf(pool.reserve(1, caller.signal))).toBe('REQUEST_TIMED_OUT');
  });

  it('refuses a reservation larger than the pool', async () => {
    const { pool } = poolOf(100);
    expect(await codeOf(pool.reserve(101))).toBe('REQUEST_TOO_LARGE');
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
  maxBlockMs = 1000,
): { readonly pool: BufferPool; readonly timers: ManualTimers } {
  const timers = new ManualTimers();
  return { pool: new BufferPool({ totalBytes, maxBlockMs, timers }), timers };
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'none',
    (error: ProtocolError) => error.code,
  );
}
