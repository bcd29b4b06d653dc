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
 * whole.
 */
export type BlockWork = Generator<PackedBlock, Buffer, Buffer>;

/** A blob unpacks to more bytes than it may. */
export class TooLargeUnpackedError extends RangeError {
  override readonly name = 'TooLargeUnpackedError';
}

/** Unpacks all blocks at once. */
export function unpackBlocksSync(work: BlockWork, unpack: (block: PackedBlock) => Buffer): Buffer {
  let step = work.next();
  while (step.done !== true) step = work.next(unpack(step.value));
  return step.value;
}

/** Unpacks the blocks one after the other, each as `unpack` does it. */
export async function unpackBlocks(
  work: BlockWork,
  unpack: (block: PackedBlock) => Promise<Buffer>,
): Promise<Buffer> {
  let step = work.next();
  while (step.done !== true) step = work.next(await unpack(step.value));
  return step.value;
}
