import { FAULTS_DESCRIBED_MAX, type Fault } from './protocol-error.js';

/**
 * The faults of one request: all are counted, the first ones are described.
 *
 * A request may have hundreds of thousands of faults. Code that finds many checks `isFull` and then
 * counts them with `countOne`, without creating a pointer and a sentence for each.
 */
export class FaultList {
  /** Number of faults found. */
  count = 0;
  readonly #described: Fault[] = [];

  /** True when further faults are only counted. */
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

  /** Counts a fault without describing it. */
  countOne(): void {
    this.count += 1;
  }

  /** Drops the faults after the first `count` ones. */
  truncate(count: number): void {
    this.count = count;
    if (this.#described.length > count) this.#described.length = count;
  }

  /** The faults as members of `ProtocolErrorOptions`. */
  get asOptions(): { readonly faults: readonly Fault[]; readonly faultCount: number } {
    return { faults: [...this.#described], faultCount: this.count };
  }

  /** Details of the first faults and the number of further ones, for the sentence of an error. */
  get sentence(): string {
    const details = this.#described.slice(0, DETAILS_IN_SENTENCE_MAX).map(({ detail }) => detail);
    if (this.count > details.length) details.push(`and ${this.count - details.length} more`);
    return details.join('; ');
  }
}

const DETAILS_IN_SENTENCE_MAX = 3;
