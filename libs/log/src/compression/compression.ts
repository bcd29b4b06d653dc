import { promisify } from 'node:util';
import { createGunzip, gunzipSync, gzip } from 'node:zlib';
import { ProtocolError } from '#protocol';
import { Limiter } from '#runtime';
import { unpackLz4Block, unpackLz4BlockSync, unpackLz4Frame } from './lz4-frame.js';
import { TooLargeUnpackedError, unpackBlocks, unpackBlocksSync } from './packed-block.js';
import { unpackSnappy, unpackSnappyBlock, unpackSnappyBlockSync } from './snappy-stream.js';
import { chunkBytesOf, unpackedByStream } from './unpacking-stream.js';
import { decompressZstd, decompressZstdSync } from './zstd-frame.js';

/** Compression of the records section of a batch. */
export type CompressionType = (typeof COMPRESSION_TYPES)[number];

/** Bits of the batch's attributes that are the number of its codec. */
export const COMPRESSION_MASK = 0x07;
/** Codecs by that number. */
const COMPRESSION_TYPES = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;

/** Default bound of the bytes that one batch may unpack to. */
const UNPACKED_BATCH_BYTES_MAX = 64 * 1024 * 1024;
const BOUND = 'SLUICE_UNPACKED_BATCH_BYTES_MAX';

/**
 * Batches of one broker that are unpacked at the same time: each holds a thread and as much memory
 * as it unpacks to.
 */
export const CONCURRENT_UNPACKS_MAX = 2;

/**
 * Unpacks one blob, at once or on a thread of the pool; throws any error when it is malformed or
 * larger than `bytesMax` unpacked.
 */
interface Decompressor {
  atOnce(bytes: Buffer, bytesMax: number): Buffer;
  /** Returns the pieces of the whole, which are joined in slices. */
  onThread(bytes: Buffer, bytesMax: number): Promise<Buffer[]>;
}

const gzipOnThread = promisify(gzip);

const DECOMPRESSORS: Readonly<Record<CompressionType, Decompressor>> = {
  none: { atOnce: (bytes) => bytes, onThread: (bytes) => Promise.resolve([bytes]) },
  gzip: {
    atOnce: (bytes, bytesMax) => gunzipSync(bytes, { maxOutputLength: bytesMax }),
    onThread: (bytes, bytesMax) =>
      unpackedByStream(createGunzip({ chunkSize: chunkBytesOf(bytes) }), bytes, bytesMax),
  },
  snappy: {
    atOnce: (bytes, max) => unpackBlocksSync(unpackSnappy(bytes, max), unpackSnappyBlockSync),
    onThread: (bytes, max) => unpackBlocks(unpackSnappy(bytes, max), unpackSnappyBlock),
  },
  lz4: {
    atOnce: (bytes, max) => unpackBlocksSync(unpackLz4Frame(bytes, max), unpackLz4BlockSync),
    onThread: (bytes, max) => unpackBlocks(unpackLz4Frame(bytes, max), unpackLz4Block),
  },
  zstd: { atOnce: decompressZstdSync, onThread: decompressZstd },
};

/** @throws ProtocolError UNSUPPORTED_COMPRESSION_TYPE for a number that Kafka does not define */
export function compressionTypeOf(attributes: number): CompressionType {
  const type = COMPRESSION_TYPES[attributes & COMPRESSION_MASK];
  if (type !== undefined) return type;
  throw new ProtocolError(
    'UNSUPPORTED_COMPRESSION_TYPE',
    `A batch is compressed with codec ${attributes & COMPRESSION_MASK}; Kafka has ${COMPRESSION_TYPES.join(', ')}.`,
  );
}

/**
 * Unpacks the records of one broker's batches. A batch is at most `max.message.bytes` (1 MiB by
 * default) while it is compressed; without a bound a crafted one would unpack to a gigabyte.
 *
 * Overlap: calls may overlap; CONCURRENT_UNPACKS_MAX of them run on threads, the others wait.
 */
export class BatchUnpacker {
  readonly #bytesMax: number;
  readonly #running = new Limiter(CONCURRENT_UNPACKS_MAX);

  /** @param bytesMax bytes that the records of one batch may unpack to */
  constructor(bytesMax = UNPACKED_BATCH_BYTES_MAX) {
    this.#bytesMax = bytesMax;
  }

  /**
   * Unpacks the records section of a batch at once: for work in the background. A large one holds
   * the event loop for longer than a request may.
   * @throws ProtocolError CORRUPT_MESSAGE when the bytes are malformed or unpack to more than the
   *   bound; UNSUPPORTED_COMPRESSION_TYPE when the codec's package is not installed
   */
  unpack(type: CompressionType, bytes: Buffer): Buffer {
    try {
      return DECOMPRESSORS[type].atOnce(bytes, this.#bytesMax);
    } catch (cause) {
      throw this.#errorOf(type, cause);
    }
  }

  /**
   * Works like `unpack`, on a thread of the pool, so that the event loop turns meanwhile. Returns
   * the pieces of the whole in their order: joining them takes a while, too.
   * @throws ProtocolError as `unpack` does
   */
  unpackOnThread(type: CompressionType, bytes: Buffer): Promise<Buffer[]> {
    return this.#running.run(async () => {
      try {
        return await DECOMPRESSORS[type].onThread(bytes, this.#bytesMax);
      } catch (cause) {
        throw this.#errorOf(type, cause);
      }
    });
  }

  #errorOf(type: CompressionType, cause: unknown): ProtocolError {
    if (cause instanceof ProtocolError) return cause;
    if (isTooLarge(cause)) {
      return new ProtocolError(
        'CORRUPT_MESSAGE',
        `The records of a batch unpack to more than ${this.#bytesMax} bytes (${type}; ${BOUND}).`,
        { cause, bound: BOUND },
      );
    }
    const detail = `The records of a batch are malformed and cannot be unpacked (${type}).`;
    return new ProtocolError('CORRUPT_MESSAGE', detail, { cause });
  }
}

/** Unpacks batches that belong to no broker, within the default bound. */
export const DEFAULT_UNPACKER = new BatchUnpacker();

/** Compressed records, and the number of their codec for the batch's attributes. */
export interface CompressedRecords {
  readonly bytes: Buffer;
  readonly codec: number;
}

/** Packs the records section of a batch on a thread of the pool, in the codec that Node has. */
export async function compress(records: Buffer): Promise<CompressedRecords> {
  return { bytes: await gzipOnThread(records), codec: COMPRESSION_TYPES.indexOf('gzip') };
}

function isTooLarge(cause: unknown): boolean {
  const isBound = cause instanceof TooLargeUnpackedError;
  return isBound || (cause as { readonly code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE';
}
