import { FAULTS_DESCRIBED_MAX, type Fault } from './protocol-error.js';

/**
 * The faults of one request: all are counted, the first ones are described.
 *
 * A request may have hundreds of thousands of faults. Code that finds many asks `isFull` and then
 * counts them with `countOne`, without making a pointer and a sentence for each.
 */
export class FaultList {
  /** Faults found so far. */
  count = 0;
  readonly #described: Fault[] = [];

  /** True when further faults are counted only. */
  get isFull(): boolean {
    return this.#described.length === FAULTS_DESCRIBED_MAX;
  }

  /** The first faults. */
  get described(): readonly Fault[] {
    return this.#described;
  }

  /** @param pointer RFC 6901, from the root of the body */
  add(pointer: string, detail: string): void {
    this.count += 1;
    if (!this.isFull) this.#described.push({ pointer, detail });
  }

  /** Counts a fault that is not described. */
  countOne(): void {
    this.count += 1;
  }

  /** Forgets the faults after the first `count` ones. */
  truncate(count: number): void {
    this.count = count;
    if (this.#described.length > count) this.#described.length = count;
  }

  /** Members of `ProtocolErrorOptions`. */
  get asOptions(): { readonly faults: readonly Fault[]; readonly faultCount: number } {
    return { faults: [...this.#described], faultCount: this.count };
  }

  /** The details of the first faults and how many more there are, for the sentence of an error. */
  get sentence(): string {
    const told = this.#described.slice(0, TOLD_IN_SENTENCE_MAX).map(({ detail }) => detail);
    if (this.count > told.length) told.push(`and ${this.count - told.length} more`);
    return told.join('; ');
  }
}

const TOLD_IN_SENTENCE_MAX = 3;
