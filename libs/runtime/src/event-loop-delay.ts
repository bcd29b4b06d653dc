import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { turnOfLoop } from './sliced-work.js';

/** Time between two samples. An idle process wakes up for each, so they are not more frequent. */
const SAMPLE_INTERVAL_MS = 50;
const NANOSECONDS_PER_SECOND = 1e9;

/** Delays of the event loop in seconds. All but `turn` are zero if there was no sample. */
export interface EventLoopDelays {
  /** Time that the loop took for one turn, measured now. */
  readonly turn: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly stddev: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
}

/**
 * Measures how late the event loop runs what is due. A timer of Node that calls no JavaScript is
 * due every 50 ms; a sample is the time by which it ran too late, exact to about a millisecond.
 * The loop is seen as busy for less than it was if it was already busy before the timer was due.
 *
 * Overlap: calls of `take` may overlap; each gets the samples since the one before.
 */
export class EventLoopDelay {
  readonly #histogram: IntervalHistogram = monitorEventLoopDelay({
    resolution: SAMPLE_INTERVAL_MS,
  });

  /** Begins to measure. It does not keep the process alive. */
  start(): void {
    this.#histogram.enable();
  }

  stop(): void {
    this.#histogram.disable();
  }

  /** Returns the delays since the last call, and forgets them. */
  async take(): Promise<EventLoopDelays> {
    const startMs = performance.now();
    await turnOfLoop();
    const turn = (performance.now() - startMs) / 1000;
    // A sample that was due while the loop was busy is taken at the beginning of the next turn.
    await turnOfLoop();
    const samples = this.#histogram;
    const delays = {
      turn,
      min: delayOf(samples.min, samples),
      max: delayOf(samples.max, samples),
      mean: delayOf(samples.mean, samples),
      stddev: samples.count === 0 ? 0 : samples.stddev / NANOSECONDS_PER_SECOND,
      p50: delayOf(samples.percentile(50), samples),
      p90: delayOf(samples.percentile(90), samples),
      p99: delayOf(samples.percentile(99), samples),
    };
    samples.reset();
    return delays;
  }
}

/**
 * Returns the delay in seconds. The histogram has times from one sample to the next, which contain
 * the interval.
 */
function delayOf(nanoseconds: number, { count }: Pick<IntervalHistogram, 'count'>): number {
  if (count === 0) return 0;
  return Math.max(0, nanoseconds / NANOSECONDS_PER_SECOND - SAMPLE_INTERVAL_MS / 1000);
}
