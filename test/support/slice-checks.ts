import type { GatewayProcess } from './gateway.js';
import { LoopSlices } from './loop-slices.js';

/** The bound of the contract: no slice of the event loop is longer. */
const SLICE_MS_MAX = 50;
/**
 * Processor time of `LoopSlices.referenceMs` on a machine at rest (2 x Intel Xeon at 2.50 GHz), ms.
 * With other work on the machine the same work takes two to four times as much processor time, also
 * in slices: then the bound is as many times higher.
 */
const REFERENCE_MS = 4;
/** Tries per check: a garbage collection or compilation may lengthen a slice now and then. */
const TRIES = 8;

/** True when each measured slice is printed, for docs/performance/event-loop.md. */
const IS_PRINTED = process.env['SLUICE_PRINT_SLICES'] === 'true';

/** Finds work whose longest slice of the event loop is over the bound in every try. */
export class SliceChecks {
  #tooLong: string[] = [];

  readonly #slices: LoopSlices;

  private constructor(slices: LoopSlices) {
    this.#slices = slices;
  }

  /** The gateway has to run with NODE_OPTIONS `--inspect=127.0.0.1:0`. */
  static async of(gateway: GatewayProcess): Promise<SliceChecks> {
    return new SliceChecks(await LoopSlices.of(gateway));
  }

  async check(name: string, work: () => Promise<void>): Promise<void> {
    let shortestMs = Number.POSITIVE_INFINITY;
    for (let tries = 0; tries < TRIES && shortestMs > SLICE_MS_MAX; tries += 1) {
      shortestMs = Math.min(shortestMs, await this.#longestDuring(work));
    }
    if (IS_PRINTED) console.log(`${shortestMs.toFixed(1)} ms: ${name}`);
    if (shortestMs > SLICE_MS_MAX) this.#tooLong.push(`${shortestMs.toFixed(1)} ms: ${name}`);
  }

  /** The longest slice, ms. One over the bound is converted to the reference machine. */
  async #longestDuring(work: () => Promise<void>): Promise<number> {
    const longestMs = await this.#slices.longestDuring(work);
    if (longestMs <= SLICE_MS_MAX) return longestMs;
    return longestMs / Math.max(1, (await this.#slices.referenceMs()) / REFERENCE_MS);
  }

  /** Descriptions of the slow slices found since the last call. */
  takeTooLong(): string[] {
    const tooLong = this.#tooLong;
    this.#tooLong = [];
    return tooLong;
  }

  close(): void {
    this.#slices.close();
  }
}
