/** One block of a compressed blob, to be unpacked by the codec's package. */
export interface PackedBlock {
  readonly bytes: Buffer;
  /** Limit on its unpacked bytes. */
  readonly bytesMax: number;
  /** Unpacked bytes before the block that it may refer to. */
  readonly window?: Buffer | undefined;
}

/**
 * Splits a blob into blocks: it yields each block, receives its unpacked bytes, and returns the
 * pieces of the whole in their order.
 */
export type BlockUnpacking = Generator<PackedBlock, Buffer[], Buffer>;

/** A blob unpacks to more bytes than it may. */
export class TooLargeUnpackedError extends RangeError {
  override readonly name = 'TooLargeUnpackedError';
}

/** Unpacks all blocks at once. */
export function unpackBlocksSync(
  work: BlockUnpacking,
  unpack: (block: PackedBlock) => Buffer,
): Buffer {
  let step = work.next();
  while (step.done !== true) step = work.next(unpack(step.value));
  return Buffer.concat(step.value);
}

/** Unpacks the blocks one after the other, each as `unpack` does it. */
export async function unpackBlocks(
  work: BlockUnpacking,
  unpack: (block: PackedBlock) => Promise<Buffer>,
): Promise<Buffer[]> {
  let step = work.next();
  while (step.done !== true) step = work.next(await unpack(step.value));
  return step.value;
}
