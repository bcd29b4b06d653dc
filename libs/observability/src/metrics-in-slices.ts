/**
 * Renders the metrics of a registry with turns of the event loop in between. The text is exactly
 * what prom-client's `registry.metrics()` returns: each piece of it is rendered by prom-client.
 */
import type { Gauge, LabelValues, Registry } from 'prom-client';
import { turnOfLoop } from '#runtime';

/** Metrics with few series that are collected and rendered in one slice. */
const METRICS_PER_SLICE = 16;
/** Series of one metric that are collected and rendered in one slice. */
const SERIES_PER_SLICE = 250;

/** A gauge with a series for each topic or group: too many to be rendered in one slice. */
export interface LongGauge {
  readonly name: string;
  /** Has labels, and no function `collect`: its series are set from here, some at a time. */
  readonly gauge: Gauge;
  /** Series of this scrape, each with labels of its own. */
  readonly series: () => Iterable<readonly [LabelValues<string>, number]>;
}

/**
 * Renders all metrics of the registry.
 * Overlap: calls may not overlap, because a long gauge holds only some of its series at a time.
 * @param longGauges those of the registry's gauges that are rendered in pieces
 */
export async function metricsInSlices(
  registry: Registry,
  longGauges: readonly LongGauge[],
): Promise<string> {
  const longByName = new Map(longGauges.map((long) => [long.name, long]));
  const texts: string[] = [];
  for (const { name } of registry.getMetricsAsArray()) {
    const long = longByName.get(name);
    texts.push(
      await (long === undefined
        ? registry.getSingleMetricAsString(name)
        : longGaugeInSlices(registry, long)),
    );
    if (long !== undefined || texts.length % METRICS_PER_SLICE === 0) await turnOfLoop();
  }
  return `${texts.join('\n\n')}\n`;
}

async function longGaugeInSlices(
  registry: Registry,
  { name, gauge, series }: LongGauge,
): Promise<string> {
  // A page that could not be completed may have left some series.
  gauge.reset();
  const head = await registry.getSingleMetricAsString(name);
  /** Takes the series that the gauge holds, and returns their lines. */
  const takeLines = async (): Promise<string> => {
    const text = await registry.getSingleMetricAsString(name);
    gauge.reset();
    return text.slice(head.length);
  };
  const pieces = [head];
  let count = 0;
  for (const [labels, value] of series()) {
    gauge.set(labels, value);
    count += 1;
    if (count % SERIES_PER_SLICE !== 0) continue;
    pieces.push(await takeLines());
    await turnOfLoop();
  }
  pieces.push(await takeLines());
  return pieces.join('');
}
