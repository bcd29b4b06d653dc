import type { RandomBelow } from './partitioner.js';

/**
 * Delay before the next attempt: exponential with full jitter (Kafka's `retry.backoff.ms`, which
 * doubles up to `retry.backoff.max.ms`).
 * @param attempts attempts so far, at least 1
 * @returns ms, a whole number from 1
 */
export function retryDelayMs(
  attempts: number,
  limits: { readonly retryBackoffMs: number; readonly retryBackoffMaxMs: number },
  random: RandomBelow,
): number {
  const longestMs = limits.retryBackoffMs * 2 ** Math.min(attempts - 1, 31);
  return 1 + random.below(Math.max(1, Math.min(longestMs, limits.retryBackoffMaxMs)));
}
