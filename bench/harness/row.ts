/** A row of the table: a measurement beside the baseline of the same run. */
import type { Plot } from './plot.js';

/** One measured line. */
export interface RowResult {
  readonly name: string;
  /** The figure in its unit, for example requests per second. */
  readonly value: number;
  readonly unit: string;
  readonly baseline?: { readonly name: string; readonly value: number };
  /** Median of the ratios of pairs of turns; absent: the ratio of the two figures. */
  readonly ratio?: number;
  /** Wanted share of the baseline. */
  readonly target?: number;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  readonly peakRssBytes?: number | undefined;
  /** This measurement in the plot of the row: y by the name of the line. */
  readonly curve?: { readonly x: number; readonly y: Readonly<Record<string, number>> };
  readonly note?: string;
}

/** The environment of a row. */
export interface RowContext {
  /** Duration of one measurement, ms. */
  readonly durationMs: number;
  /** Number of pairs of baseline and measurement; the medians are reported. */
  readonly rounds: number;
  /** True for smaller amounts of data, for a quick check. */
  readonly isQuick: boolean;
  /** Prints one line of progress. */
  progress(text: string): void;
}

export interface Row {
  readonly id: string;
  readonly title: string;
  run(context: RowContext): Promise<RowResult[]>;
  /** The results as curves, where they form some. */
  plot?(results: readonly RowResult[]): Plot;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value below which a share of the values is, from 0 to 1; between two values: their mix. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const place = (sorted.length - 1) * share;
  const lower = sorted[Math.floor(place)] ?? Number.NaN;
  const upper = sorted[Math.ceil(place)] ?? Number.NaN;
  return lower + (upper - lower) * (place - Math.floor(place));
}
