/**
 * Buffers of a few sizes for received bytes, which return their memory to the system at once.
 *
 * A collected plain buffer returns to the allocator, which keeps most of it: after a burst of large
 * bodies the process would stay as large as it was. The pages of a resizable `ArrayBuffer` are its
 * own, and `resize(0)` releases them. Some are kept for the next body, because new pages cost more
 * than copying into them.
 */

const KIB = 1024;

/** Sizes whose pages are released; smaller ones are plain. */
const POOLED_BYTES = [256 * KIB, 64 * KIB] as const;
const PLAIN_BYTES = [16 * KIB, 4 * KIB] as const;
/** Number of kept buffers of each pooled size: 5 MiB in all. */
const KEPT_MAX = 16;

/** The largest segment. */
export const SEGMENT_BYTES_MAX = POOLED_BYTES[0];
/** First segment of a body, unless the body is smaller. */
export const SEGMENT_BYTES_MIN = PLAIN_BYTES[1];

class SegmentPool {
  readonly #kept = new Map<number, Buffer[]>(POOLED_BYTES.map((size) => [size, []]));

  /** @returns the size of the largest segment of at most this many bytes */
  sizeFor(bytesMax: number): number {
    for (const size of POOLED_BYTES) if (size <= bytesMax) return size;
    for (const size of PLAIN_BYTES) if (size <= bytesMax) return size;
    return bytesMax;
  }

  /** @param sizeBytes one that `sizeFor` answered */
  take(sizeBytes: number): Buffer {
    const kept = this.#kept.get(sizeBytes);
    if (kept === undefined) return Buffer.allocUnsafeSlow(sizeBytes);
    return kept.pop() ?? Buffer.from(resizable(sizeBytes), 0, sizeBytes);
  }

  /** Gives a segment back; nothing may refer to its bytes any more. */
  giveBack(segment: Buffer): void {
    const kept = this.#kept.get(segment.length);
    if (kept === undefined) return;
    if (kept.length < KEPT_MAX) kept.push(segment);
    else (segment.buffer as ResizableArrayBuffer).resize(0);
  }
}

/** The segments of this process. */
export const segmentPool = new SegmentPool();

/** Members that ECMAScript 2024 adds, which the compiler's library does not have. */
interface ResizableArrayBuffer extends ArrayBuffer {
  resize(sizeBytes: number): void;
}

function resizable(sizeBytes: number): ArrayBuffer {
  const create = ArrayBuffer as unknown as new (
    length: number,
    options: { readonly maxByteLength: number },
  ) => ArrayBuffer;
  return new create(sizeBytes, { maxByteLength: sizeBytes });
}
