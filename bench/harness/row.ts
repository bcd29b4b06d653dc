/** A row of the table: what was measured, beside the baseline of the same run. */

/** One measured line. */
export interface RowResult {
  readonly name: string;
  /** The figure in its unit, e.g. requests a second. */
  readonly value: number;
  readonly unit: string;
  readonly baseline?: { readonly name: string; readonly value: number };
  /** Share of the baseline that is wanted. */
  readonly target?: number;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  readonly peakRssBytes?: number | undefined;
  readonly note?: string;
}

/** What a row is given. */
export interface RowContext {
  /** How long one measurement lasts. */
  readonly durationMs: number;
  /** How many pairs of baseline and measurement; the medians are reported. */
  readonly rounds: number;
  /** Smaller amounts of data, for a look. */
  readonly isQuick: boolean;
  /** One line of progress. */
  progress(text: string): void;
}

export interface Row {
  readonly id: string;
  readonly title: string;
  run(context: RowContext): Promise<RowResult[]>;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}
