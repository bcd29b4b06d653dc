import { Counter, Gauge, type Metric } from 'prom-client';
import type { EdgeStatus } from '#security';
import type { LabelledSeries } from './series/edge-series.js';

/**
 * Returns the metric of a series with a label.
 * @param status returns undefined while there is nothing to show
 */
export function labelledMetric(
  { name, type, help, label, read }: LabelledSeries,
  status: () => EdgeStatus | undefined,
): Metric {
  const valuesNow = (): Iterable<readonly [string, number]> => {
    const now = status();
    return now === undefined ? [] : read(now);
  };
  const options = { name, help, labelNames: [label], registers: [] };
  if (type === 'gauge') {
    return new Gauge({
      ...options,
      collect() {
        this.reset();
        for (const [value, number] of valuesNow()) this.set({ [label]: value }, number);
      },
    });
  }
  return new Counter({
    ...options,
    collect() {
      this.reset();
      for (const [value, number] of valuesNow()) this.inc({ [label]: value }, number);
    },
  });
}
