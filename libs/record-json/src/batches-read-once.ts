import type { RecordBatch } from '#log';

/** Batches that are remembered; a power of two. They take eight bytes each. */
const SLOTS = 8192;
/** A base offset modulo this and a CRC fit into one safe integer together. */
const OFFSET_MODULUS = 2 ** 21;

/**
 * Remembers the newest batches that were read once, in a table of fixed size. A batch that is
 * displaced by another counts as new again; a batch of another partition with the same base offset
 * and CRC counts as seen. Neither does harm: a batch is only rendered once more, or kept earlier.
 */
export class BatchesReadOnce {
  readonly #marks = new Float64Array(SLOTS).fill(-1);

  /** Remembers a batch. @returns true when it was remembered before */
  add({ baseOffset, crc }: RecordBatch): boolean {
    const mark = crc * OFFSET_MODULUS + (baseOffset % OFFSET_MODULUS);
    const slot = (crc ^ baseOffset) & (SLOTS - 1);
    if (this.#marks[slot] === mark) return true;
    this.#marks[slot] = mark;
    return false;
  }
}
