import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EventLoopDelay, type EventLoopDelays } from './event-loop-delay.js';

/** Enough for several samples, also on a busy machine. */
const SOME_SAMPLES_MS = 300;

describe('the delay of the event loop', () => {
  let delay: EventLoopDelay;

  beforeEach(() => {
    delay = new EventLoopDelay();
    delay.start();
  });

  afterEach(() => {
    delay.stop();
  });

  /** Takes delays until some meet the condition; in between there is time for a few samples. */
  async function taken(condition: (delays: EventLoopDelays) => boolean): Promise<void> {
    await expect
      .poll(async () => condition(await delay.take()), { interval: SOME_SAMPLES_MS })
      .toBe(true);
  }

  test('it does not contain the time between two samples', async () => {
    await taken(({ min, p50, p99, max }) => {
      expect([min, p50, p99, max]).toEqual([min, p50, p99, max].toSorted((a, b) => a - b));
      return max > 0 && min < 0.025;
    });
  });

  test('a sample that was due while the loop was busy is seen at once, and only once', async () => {
    await expect
      .poll(
        async () => {
          stayBusy(400);
          return (await delay.take()).max;
        },
        { interval: SOME_SAMPLES_MS },
      )
      .toBeGreaterThan(0.3);
    await taken(({ max }) => max > 0 && max < 0.3);
  });
});

function stayBusy(durationMs: number): void {
  const endMs = performance.now() + durationMs;
  while (performance.now() < endMs);
}
