/**
 * Memory shared by the event loop of a broker and its lease thread. All times are those of a clock
 * that is the same in both threads (`ProcessClock`).
 *
 * | cell | written by | holds |
 * |---|---|---|
 * | 0 | event loop | time of the loop's last sign of life, in microseconds; 0: none yet |
 * | 1 | event loop | broker epoch whose lease is renewed; 0: none, renew nothing |
 * | 2 | thread | renewals sent |
 * | 3 | thread | renewals not acknowledged |
 * | 4 | thread | renewals withheld because the loop was silent |
 */
import type { LeaseRenewalCounts } from './lease-renewer.js';

const CELLS = { aliveUs: 0, brokerEpoch: 1, sent: 2, failed: 3, withheld: 4 } as const;
const CELL_COUNT = 5;

export class LeaseBoard {
  readonly memory: SharedArrayBuffer;
  readonly #cells: BigInt64Array;

  /** @param memory memory of the other thread's board; default: new memory */
  constructor(memory = new SharedArrayBuffer(CELL_COUNT * BigInt64Array.BYTES_PER_ELEMENT)) {
    this.memory = memory;
    this.#cells = new BigInt64Array(memory);
  }

  /** Time of the event loop's last sign of life, ms. */
  get aliveMs(): number {
    return this.#read('aliveUs') / 1000;
  }

  set aliveMs(timeMs: number) {
    Atomics.store(this.#cells, CELLS.aliveUs, BigInt(Math.floor(timeMs * 1000)));
  }

  /** Broker epoch whose lease is renewed; undefined: none. */
  get brokerEpoch(): number | undefined {
    const epoch = this.#read('brokerEpoch');
    return epoch === 0 ? undefined : epoch;
  }

  set brokerEpoch(epoch: number | undefined) {
    Atomics.store(this.#cells, CELLS.brokerEpoch, BigInt(epoch ?? 0));
  }

  get counts(): LeaseRenewalCounts {
    return {
      sent: this.#read('sent'),
      failed: this.#read('failed'),
      withheld: this.#read('withheld'),
    };
  }

  count(counter: keyof LeaseRenewalCounts): void {
    Atomics.add(this.#cells, CELLS[counter], 1n);
  }

  #read(cell: keyof typeof CELLS): number {
    return Number(Atomics.load(this.#cells, CELLS[cell]));
  }
}
