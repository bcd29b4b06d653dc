import type { RowResult } from './row.js';

const HEAD = [
  'row',
  'measured',
  'baseline',
  'ratio',
  'target',
  'p50',
  'p99',
  'peak memory',
  'note',
];

/** The results as a Markdown table that also reads well in a terminal. */
export function table(results: readonly RowResult[]): string {
  const rows = results.map(cells);
  const widths = HEAD.map((head, column) =>
    Math.max(head.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [line(HEAD), rule, ...rows.map(line)].join('\n');
}

function cells(result: RowResult): string[] {
  const { baseline, target } = result;
  const ratio = result.ratio ?? (baseline && result.value / baseline.value);
  return [
    result.name,
    `${figure(result.value)} ${result.unit}`,
    baseline === undefined ? '' : `${figure(baseline.value)} (${baseline.name})`,
    ratio === undefined ? '' : ratio.toFixed(2),
    target === undefined ? '' : verdict(ratio, target),
    milliseconds(result.p50Ms),
    milliseconds(result.p99Ms),
    result.peakRssBytes === undefined ? '' : `${Math.round(result.peakRssBytes / 2 ** 20)} MiB`,
    result.note ?? '',
  ];
}

function verdict(ratio: number | undefined, target: number): string {
  return `>= ${target} ${ratio !== undefined && ratio >= target ? 'met' : 'MISSED'}`;
}

function figure(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toPrecision(3);
}

function milliseconds(value: number | undefined): string {
  return value === undefined ? '' : `${value.toFixed(2)} ms`;
}
