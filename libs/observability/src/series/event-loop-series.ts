import type { EventLoopDelays } from '#runtime';
import type { StatusSeries } from './status-series.js';

/** Series of the event loop, under the names that prom-client gives them. */
export const EVENT_LOOP_SERIES: readonly StatusSeries<EventLoopDelays>[] = [
  {
    name: 'nodejs_eventloop_lag_seconds',
    type: 'gauge',
    help: 'Time of one turn of the event loop, measured at the scrape.',
    read: (s) => s.turn,
  },
  sampled('min', 'Smallest', (s) => s.min),
  sampled('max', 'Largest', (s) => s.max),
  sampled('mean', 'Mean of the', (s) => s.mean),
  sampled('stddev', 'Standard deviation of the', (s) => s.stddev),
  sampled('p50', '50th percentile of the', (s) => s.p50),
  sampled('p90', '90th percentile of the', (s) => s.p90),
  sampled('p99', '99th percentile of the', (s) => s.p99),
];

function sampled(
  quantity: string,
  words: string,
  read: (status: EventLoopDelays) => number,
): StatusSeries<EventLoopDelays> {
  return {
    name: `nodejs_eventloop_lag_${quantity}_seconds`,
    type: 'gauge',
    help: `${words} delay of the event loop since the last scrape; it is sampled every 50 ms.`,
    read,
  };
}
