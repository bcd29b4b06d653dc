import type { SlicedWork } from './sliced-work.js';

/** Bytes that are copied in one slice. */
const COPIED_BYTES = 4 * 1024 * 1024;

/** Joins all pieces in one buffer, copied in slices. */
export function* joinedInSlices(pieces: readonly Buffer[]): SlicedWork<Buffer> {
  const sizeBytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const joined = Buffer.allocUnsafeSlow(sizeBytes);
  let position = 0;
  let copiedBytes = 0;
  for (const piece of pieces) {
    for (let from = 0; from < piece.length; from += COPIED_BYTES) {
      const copied = piece.copy(joined, position, from, from + COPIED_BYTES);
      position += copied;
      copiedBytes += copied;
      if (copiedBytes < COPIED_BYTES) continue;
      copiedBytes = 0;
      yield;
    }
  }
  return joined;
}
