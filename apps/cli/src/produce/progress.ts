import { Presets, SingleBar } from 'cli-progress';
import type { Output } from '../output.js';

const MIB = 1024 * 1024;

/** Shows how far a command is: a bar with rate and remaining time on a terminal. */
export class Progress {
  readonly #bar: SingleBar | undefined;
  readonly #startedMs = performance.now();
  readonly #startedBytes: number;
  #bytes: number;
  #records = 0;

  /** @param totalBytes undefined if it is not known: then there is no bar */
  constructor(output: Output, totalBytes: number | undefined, doneBytes = 0) {
    this.#startedBytes = doneBytes;
    this.#bytes = doneBytes;
    if (totalBytes === undefined || totalBytes === 0 || !output.showsProgress) return;
    this.#bar = new SingleBar(
      {
        stream: output.stderr,
        format: '{bar} {percentage} % | {rate} MiB/s | {records} records | {eta_formatted} left',
        etaBuffer: 50,
        hideCursor: true,
      },
      Presets.shades_classic,
    );
    this.#bar.start(totalBytes, doneBytes, { rate: '0', records: '0' });
  }

  get records(): number {
    return this.#records;
  }

  add(bytes: number, records: number): void {
    this.#bytes += bytes;
    this.#records += records;
    const rate = this.#rateBytes() / MIB;
    this.#bar?.update(this.#bytes, {
      rate: rate.toFixed(1),
      records: this.#records.toLocaleString('en'),
    });
  }

  /** Ends the bar. Returns a summary of records, time and rates. */
  stop(): string {
    this.#bar?.stop();
    const seconds = (performance.now() - this.#startedMs) / 1000;
    const perSecond = Math.round(this.#records / Math.max(seconds, 0.001));
    const noun = this.#records === 1 ? 'record' : 'records';
    return (
      `${this.#records.toLocaleString('en')} ${noun} in ${seconds.toFixed(1)} s ` +
      `(${perSecond.toLocaleString('en')} records/s, ${(this.#rateBytes() / MIB).toFixed(1)} MiB/s)`
    );
  }

  #rateBytes(): number {
    const seconds = (performance.now() - this.#startedMs) / 1000;
    return (this.#bytes - this.#startedBytes) / Math.max(seconds, 0.001);
  }
}
