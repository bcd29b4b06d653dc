import { describe, expect, test } from 'vitest';
import { HotHistogram } from './hot-histogram.js';

describe('a hot histogram', () => {
  test('it counts a value in every bucket whose bound it does not exceed', () => {
    const histogram = new HotHistogram({ name: 'h', help: 'Help.', upperBounds: [1, 2, 4] });
    for (const value of [0.5, 1, 1.5, 4, 9]) histogram.observe(value);
    expect(histogram.render()).toBe(
      [
        '# HELP h Help.',
        '# TYPE h histogram',
        'h_bucket{le="1"} 2',
        'h_bucket{le="2"} 3',
        'h_bucket{le="4"} 4',
        'h_bucket{le="+Inf"} 5',
        'h_sum 16',
        'h_count 5',
        '',
      ].join('\n'),
    );
  });

  test('it keeps the series of a label apart', () => {
    const histogram = new HotHistogram({
      name: 'h',
      help: 'Help.',
      upperBounds: [1],
      label: 'route',
    });
    const [a, b] = [histogram.seriesOf('a'), histogram.seriesOf('b')];
    histogram.observe(1, a);
    histogram.observe(2, b);
    histogram.observe(3, histogram.seriesOf('b'));
    const lines = histogram.render().split('\n');
    expect(lines).toContain('h_bucket{route="a",le="1"} 1');
    expect(lines).toContain('h_bucket{route="b",le="1"} 0');
    expect(lines).toContain('h_bucket{route="b",le="+Inf"} 2');
    expect(lines).toContain('h_sum{route="b"} 5');
  });
});
