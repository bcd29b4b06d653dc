import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { describe, expect, test } from 'vitest';
import { type LongGauge, metricsInSlices } from './metrics-in-slices.js';

type Series = readonly (readonly [{ readonly topic: string }, number])[];

const OPTIONS = { name: 'long', help: 'A gauge\nwith a \\ in its help.', labelNames: ['topic'] };

function longGauge(series: Iterable<Series[number]>): LongGauge {
  return {
    name: 'long',
    gauge: new Gauge({ ...OPTIONS, registers: [] }),
    series: () => series,
  };
}

/** A registry with a long gauge between two other metrics. */
function registryWith(long: Gauge): Registry {
  const registry = new Registry();
  new Counter({ name: 'before', help: 'First.', registers: [registry] }).inc(3);
  registry.registerMetric(long);
  new Histogram({ name: 'after', help: 'Last.', registers: [registry] }).observe(0.2);
  return registry;
}

/** Returns the text of prom-client alone, for a gauge that has all series at once. */
function renderedByPromClient(series: Series): Promise<string> {
  const gauge = new Gauge({ ...OPTIONS, registers: [] });
  for (const [labels, value] of series) gauge.set(labels, value);
  return registryWith(gauge).metrics();
}

/** Counts turns of the event loop until `stop`. */
function turns(): { readonly now: () => number; readonly stop: () => void } {
  let turn = 0;
  let next: NodeJS.Immediate;
  const count = (): void => {
    turn += 1;
    next = setImmediate(count);
  };
  next = setImmediate(count);
  return { now: () => turn, stop: () => clearImmediate(next) };
}

/** Largest number of entries with the same turn. */
function mostInOneTurn(seenIn: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const turn of seenIn) counts.set(turn, (counts.get(turn) ?? 0) + 1);
  return Math.max(...counts.values());
}

describe('metrics in slices', () => {
  test.each([0, 1, 249, 250, 251, 1000])(
    'a gauge with %i series has the text that prom-client renders',
    async (count) => {
      const series = Array.from({ length: count }, (_, at) => {
        return [{ topic: `a "topic"\n\\${at}` }, at / 8] as const;
      });
      const long = longGauge(series);
      const text = await metricsInSlices(registryWith(long.gauge), [long]);
      expect(text).toBe(await renderedByPromClient(series));
    },
  );

  test('NaN and infinite values have the text that prom-client renders', async () => {
    const values = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e21, -0];
    const series = values.map((value, at) => [{ topic: `${at}` }, value] as const);
    const long = longGauge(series);
    const text = await metricsInSlices(registryWith(long.gauge), [long]);
    expect(text).toBe(await renderedByPromClient(series));
  });

  test('a second page does not contain the series of the first one', async () => {
    const series: Series[number][] = [
      [{ topic: 'a' }, 1],
      [{ topic: 'b' }, 2],
    ];
    const long = longGauge(series);
    const registry = registryWith(long.gauge);
    expect(await metricsInSlices(registry, [long])).toContain('long{topic="a"} 1\n');
    series.shift();
    expect(await metricsInSlices(registry, [long])).toBe(await renderedByPromClient(series));
  });

  test('at most 250 series are read in one turn of the event loop', async () => {
    const turn = turns();
    const readIn: number[] = [];
    function* series(): Generator<Series[number]> {
      for (let at = 0; at < 2000; at += 1) {
        readIn.push(turn.now());
        yield [{ topic: `${at}` }, at];
      }
    }
    const long = longGauge(series());
    await metricsInSlices(registryWith(long.gauge), [long]);
    turn.stop();
    expect(readIn).toHaveLength(2000);
    expect(mostInOneTurn(readIn)).toBeLessThanOrEqual(250);
  });

  test('at most 16 metrics are collected in one turn of the event loop', async () => {
    const turn = turns();
    const registry = new Registry();
    const collectedIn: number[] = [];
    for (let at = 0; at < 100; at += 1) {
      const collect = (): void => {
        collectedIn.push(turn.now());
      };
      const gauge = new Gauge({ name: `g${at}`, help: 'One of many.', registers: [], collect });
      registry.registerMetric(gauge);
    }
    const text = await metricsInSlices(registry, []);
    turn.stop();
    expect(collectedIn).toHaveLength(100);
    expect(mostInOneTurn(collectedIn)).toBeLessThanOrEqual(16);
    expect(text).toBe(await registry.metrics());
  });
});
