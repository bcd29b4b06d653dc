import { expect, test } from 'vitest';
import { svgOf } from '../../bench/harness/plot.js';

const LABELS = { title: 'Times & rates', xLabel: 'requests per second', yLabel: 'ms' };

function plotOf(points: readonly { readonly x: number; readonly y: number }[]): string {
  return svgOf({ ...LABELS, series: [{ name: 'p50', points }] });
}

/** The texts of a picture, in their order. */
function textsOf(svg: string): string[] {
  return [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text = '']) => text);
}

/** The places of the points of a picture, in their order. */
function placesOf(svg: string): { readonly x: number; readonly y: number }[] {
  return [...svg.matchAll(/<circle cx="([^"]+)" cy="([^"]+)"/g)].map(([, x, y]) => ({
    x: Number(x),
    y: Number(y),
  }));
}

test('the axes have round numbers that enclose all points', () => {
  const texts = textsOf(
    plotOf([
      { x: 900, y: 0.7 },
      { x: 14_300, y: 38 },
    ]),
  );
  for (const label of ['0', '2,000', '16,000', '0.5', '1', '20', '50']) {
    expect(texts).toContain(label);
  }
  expect(texts).not.toContain('18,000');
  expect(texts).not.toContain('0.2');
  expect(texts).not.toContain('100');
});

test('ten times the time is as far up wherever it is', () => {
  const [one, ten, hundred] = placesOf(
    plotOf([
      { x: 1, y: 1 },
      { x: 2, y: 10 },
      { x: 3, y: 100 },
    ]),
  ).map(({ y }) => y);
  expect(Number(one) - Number(ten)).toBeCloseTo(Number(ten) - Number(hundred), 0);
  expect(one).toBeGreaterThan(Number(ten));
});

test('points that are alike have an axis too', () => {
  const svg = plotOf([{ x: 5, y: 2 }]);
  expect(svg).not.toContain('NaN');
  expect(placesOf(svg)).toHaveLength(1);
});

test('texts are escaped', () => {
  expect(plotOf([{ x: 1, y: 1 }])).toContain('Times &amp; rates');
});

test('a plot without points, or with a time of 0, is refused', () => {
  expect(() => plotOf([])).toThrow(RangeError);
  expect(() => plotOf([{ x: 1, y: 0 }])).toThrow(RangeError);
});
