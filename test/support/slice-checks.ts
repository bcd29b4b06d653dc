import type { GatewayProcess } from './gateway.js';
import { LoopSlices } from './loop-slices.js';

/** The bound of the contract: no slice of the event loop is longer. */
const SLICE_MS_MAX = 50;
/** A slice may meet a garbage collection or a compilation: it counts when it is long every time. */
const TRIES = 4;

/** Finds work whose longest slice of the event loop is over the bound however often it is tried. */
export class SliceChecks {
  #tooLong: string[] = [];

  private constructor(private readonly slices: LoopSlices) {}

  /** The gateway has to run with NODE_OPTIONS `--inspect=127.0.0.1:0`. */
  static async of(gateway: GatewayProcess): Promise<SliceChecks> {
    return new SliceChecks(await LoopSlices.of(gateway));
  }

  async check(name: string, work: () => Promise<void>): Promise<void> {
    let shortestMs = Number.POSITIVE_INFINITY;
    for (let tries = 0; tries < TRIES && shortestMs > SLICE_MS_MAX; tries += 1) {
      shortestMs = Math.min(shortestMs, await this.slices.longestDuring(work));
    }
    if (shortestMs > SLICE_MS_MAX) this.#tooLong.push(`${shortestMs.toFixed(1)} ms: ${name}`);
  }

  /** What was found since the last call. */
  takeTooLong(): string[] {
    const tooLong = this.#tooLong;
    this.#tooLong = [];
    return tooLong;
  }

  close(): void {
    this.slices.close();
  }
}
