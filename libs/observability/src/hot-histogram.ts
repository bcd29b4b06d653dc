/**
 * A Prometheus histogram whose `observe` only searches a few numbers: no objects, no strings, no
 * hashing of labels, so that every request can afford it. One label at most.
 */
export class HotHistogram {
  readonly #options: HotHistogramOptions;
  readonly #labels: string[] = [];
  /** Counts of each series, (bounds + 1) per series, not cumulative. */
  readonly #counts: number[] = [];
  readonly #sums: number[] = [];

  constructor(options: HotHistogramOptions) {
    this.#options = options;
    if (options.label === undefined) this.#addSeries('');
  }

  get name(): string {
    return this.#options.name;
  }

  get help(): string {
    return this.#options.help;
  }

  /**
   * Returns the index of a label's value for `observe`; call it once, when the labelled object is
   * created.
   */
  seriesOf(labelValue: string): number {
    const label = `${this.#options.label}="${labelValue}"`;
    const existingIndex = this.#labels.indexOf(label);
    return existingIndex === -1 ? this.#addSeries(label) : existingIndex;
  }

  observe(value: number, series = 0): void {
    const bounds = this.#options.upperBounds;
    let low = 0;
    let high = bounds.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((bounds[middle] as number) < value) low = middle + 1;
      else high = middle;
    }
    const bucketIndex = series * (bounds.length + 1) + low;
    this.#counts[bucketIndex] = (this.#counts[bucketIndex] as number) + 1;
    this.#sums[series] = (this.#sums[series] as number) + value;
  }

  /** Renders all series in Prometheus' exposition format. */
  render(): string {
    const { name, help } = this.#options;
    const lines = [`# HELP ${name} ${help}`, `# TYPE ${name} histogram`];
    for (const [series, label] of this.#labels.entries()) this.#renderSeries(lines, series, label);
    return `${lines.join('\n')}\n`;
  }

  #addSeries(label: string): number {
    for (let bucket = 0; bucket <= this.#options.upperBounds.length; bucket += 1)
      this.#counts.push(0);
    this.#sums.push(0);
    return this.#labels.push(label) - 1;
  }

  #renderSeries(lines: string[], series: number, label: string): void {
    const { name, upperBounds } = this.#options;
    const stride = upperBounds.length + 1;
    const prefix = label === '' ? '' : `${label},`;
    const labels = label === '' ? '' : `{${label}}`;
    let cumulative = 0;
    for (let bucket = 0; bucket < stride; bucket += 1) {
      cumulative += this.#counts[series * stride + bucket] as number;
      const bound = upperBounds[bucket] ?? '+Inf';
      lines.push(`${name}_bucket{${prefix}le="${bound}"} ${cumulative}`);
    }
    lines.push(
      `${name}_sum${labels} ${this.#sums[series]}`,
      `${name}_count${labels} ${cumulative}`,
    );
  }
}

export interface HotHistogramOptions {
  readonly name: string;
  readonly help: string;
  /** Ascending bounds, without +Inf. */
  readonly upperBounds: readonly number[];
  /** Name of the only label; its values become series on first use. */
  readonly label?: string;
}
