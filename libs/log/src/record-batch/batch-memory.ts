/** Batches smaller than this share slabs. */
const OWN_MEMORY_BYTES_MIN = 4096;
const SLAB_BYTES = 16_384;

let slab = Buffer.alloc(0);
let slabUsedBytes = 0;

/**
 * Allocates the memory of a batch. A cache may keep it for long: small batches share slabs with
 * each other and not, as with `Buffer.allocUnsafe`, with every short-lived buffer of the process,
 * each of which would then occupy 8 KiB for as long.
 */
export function allocateBatch(sizeBytes: number): Buffer {
  if (sizeBytes >= OWN_MEMORY_BYTES_MIN) return Buffer.allocUnsafeSlow(sizeBytes);
  if (slabUsedBytes + sizeBytes > slab.length) {
    slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    slabUsedBytes = 0;
  }
  const start = slabUsedBytes;
  slabUsedBytes += sizeBytes;
  return slab.subarray(start, slabUsedBytes);
}
