import { describe, expect, it } from 'vitest';
import { FakeClock } from '#runtime/testing';
import type { Quota } from '../metadata/security-change.js';
import { smallShares } from '../testing/examples.js';
import { QuotaLimiter } from './quota-limiter.js';

const USED_UP = expect.objectContaining({ code: 'THROTTLING_QUOTA_EXCEEDED', outcome: 'failed' });

describe('quotas', () => {
  it('a principal without a quota never waits, and costs no memory', () => {
    const { quotas } = limited({});
    for (let use = 0; use < 100; use += 1) {
      expect(quotas.take('user:a', 'producer_byte_rate', 1_000_000)).toBe(0);
    }
    expect(quotas.bucketCount).toBe(0);
  });

  it('the tokens of one second are free, the next use waits for its turn', () => {
    const { quotas, clock } = limited({ 'user:a': { request_rate: 10 } });
    const waits = Array.from({ length: 12 }, () => quotas.take('user:a', 'request_rate', 1));
    expect(waits).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100]);
    clock.advance(200);
    expect(quotas.take('user:a', 'request_rate', 1)).toBe(0);
    expect(quotas.counts.request_rate).toEqual({ delayed: 1, refused: 0, delayMs: 100 });
  });

  it('a use that would wait for longer than a second is refused, and takes nothing', () => {
    const { quotas, clock } = limited({ 'user:a': { producer_byte_rate: 100 } });
    expect(quotas.take('user:a', 'producer_byte_rate', 350)).toBe(0);
    for (let use = 0; use < 5; use += 1) {
      expect(() => quotas.take('user:a', 'producer_byte_rate', 1)).toThrow(
        expect.objectContaining({ code: 'THROTTLING_QUOTA_EXCEEDED', retryAfterMs: 2500 }),
      );
    }
    clock.advance(1500);
    expect(quotas.take('user:a', 'producer_byte_rate', 1)).toBe(1000);
    expect(quotas.counts.producer_byte_rate).toMatchObject({ delayed: 1, refused: 5 });
  });

  it('over a long time a principal gets its rate, and no more than one second above it', () => {
    const { quotas, clock } = limited({ 'user:a': { request_rate: 50 } });
    let passed = 0;
    for (let ms = 0; ms < 60_000; ms += 5) {
      if (mayTake(quotas)) passed += 1;
      clock.advance(5);
    }
    expect(passed).toBeGreaterThanOrEqual(60 * 50);
    // A second's bucket, and the places of those that still wait for up to a second.
    expect(passed).toBeLessThanOrEqual(62 * 50 + 1);
  });

  it('one principal that uses up its quota does not delay another one', () => {
    const { quotas } = limited({ default: { request_rate: 5 } });
    expect(() => {
      for (;;) quotas.take('user:greedy', 'request_rate', 1);
    }).toThrow(USED_UP);
    expect(quotas.take('user:modest', 'request_rate', 1)).toBe(0);
  });

  it('bytes that were read already are charged, and delay the next read', () => {
    const { quotas, clock } = limited({ 'user:a': { consumer_byte_rate: 1000 } });
    expect(quotas.charge('user:a', 'consumer_byte_rate', 3000)).toBe(2000);
    expect(() => quotas.take('user:a', 'consumer_byte_rate', 0)).toThrow(USED_UP);
    clock.advance(2000);
    expect(quotas.take('user:a', 'consumer_byte_rate', 0)).toBe(0);
  });

  it('connections are counted until they end', () => {
    const { quotas } = limited({ 'user:a': { connections: 2 } });
    const end = quotas.openConnection('user:a');
    quotas.openConnection('user:a');
    expect(() => quotas.openConnection('user:a')).toThrow(USED_UP);
    end();
    end();
    quotas.openConnection('user:a');
    expect(() => quotas.openConnection('user:a')).toThrow(USED_UP);
  });

  it('many principals leave no more buckets than those in use', () => {
    const { quotas, clock } = limited({ default: { request_rate: 1000 } });
    for (let index = 0; index < 200_000; index += 1) {
      quotas.take(`user:${index}`, 'request_rate', 1);
      if (index % 100 === 0) clock.advance(1);
    }
    expect(quotas.bucketCount).toBeLessThan(1000);
  });

  it('the number of buckets has a bound while all of them are in use', () => {
    const { quotas } = limited({ default: { request_rate: 1 } }, 100);
    for (let index = 0; index < 1000; index += 1) {
      quotas.take(`user:${index}`, 'request_rate', 1);
    }
    expect(quotas.bucketCount).toBeLessThanOrEqual(100);
  });

  it('a quota that is changed applies to the next use', () => {
    const limits: Record<string, Quota> = { 'user:a': { request_rate: 1 } };
    const { quotas } = limited(limits);
    expect(quotas.areSet).toBe(true);
    quotas.take('user:a', 'request_rate', 3);
    expect(() => quotas.take('user:a', 'request_rate', 1)).toThrow(USED_UP);
    limits['user:a'] = { request_rate: 1000 };
    expect(quotas.take('user:a', 'request_rate', 1)).toBe(2);
    delete limits['user:a'];
    expect(quotas.areSet).toBe(false);
    expect(quotas.take('user:a', 'request_rate', 1)).toBe(0);
  });
});

function mayTake(quotas: QuotaLimiter): boolean {
  try {
    quotas.take('user:a', 'request_rate', 1);
    return true;
  } catch {
    return false;
  }
}

function limited(limits: Record<string, Quota>, bucketsMax = 1_000_000) {
  const clock = new FakeClock();
  const view = {
    quotaOf: (principal: string) => limits[principal] ?? limits['default'],
    get quotaCount() {
      return Object.keys(limits).length;
    },
  };
  return {
    quotas: new QuotaLimiter(view, smallShares(), { waitMsMax: 1000, bucketsMax }, clock),
    clock,
  };
}
