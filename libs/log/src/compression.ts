import { gunzipSync } from 'node:zlib';
import { ProtocolError } from '#protocol';
import { decompressLz4Frame } from './lz4-frame.js';
import { decompressSnappy } from './snappy-stream.js';
import { decompressZstd } from './zstd-frame.js';

/** How the records section of a batch is compressed. */
export type CompressionType = (typeof COMPRESSION_TYPES)[number];

/** By the number in the batch's attributes, bits 0-2. */
const COMPRESSION_TYPES = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;

/**
 * The most bytes that one batch may unpack to. A batch is at most `max.message.bytes` (1 MiB by
 * default) while it is compressed; without a bound a crafted one would unpack to a gigabyte.
 */
export const DECOMPRESSED_BYTES_MAX = 64 * 1024 * 1024;

/** Unpacks one blob; throws any error when it is malformed or larger than `bytesMax` unpacked. */
type Decompressor = (bytes: Buffer, bytesMax: number) => Buffer;

const DECOMPRESSORS: Readonly<Record<CompressionType, Decompressor>> = {
  none: (bytes) => bytes,
  gzip: (bytes, bytesMax) => gunzipSync(bytes, { maxOutputLength: bytesMax }),
  snappy: decompressSnappy,
  lz4: decompressLz4Frame,
  zstd: decompressZstd,
};

/** @throws ProtocolError UNSUPPORTED_COMPRESSION_TYPE for a number that Kafka does not define */
export function compressionTypeOf(attributes: number): CompressionType {
  const type = COMPRESSION_TYPES[attributes & 7];
  if (type !== undefined) return type;
  throw new ProtocolError(
    'UNSUPPORTED_COMPRESSION_TYPE',
    `A batch is compressed with codec ${attributes & 7}; Kafka has ${COMPRESSION_TYPES.join(', ')}.`,
  );
}

/**
 * Unpacks the records section of a batch.
 * @throws ProtocolError CORRUPT_MESSAGE when the bytes are malformed or unpack to more than
 *   DECOMPRESSED_BYTES_MAX; UNSUPPORTED_COMPRESSION_TYPE when the codec's package is not installed
 */
export function decompress(type: CompressionType, bytes: Buffer): Buffer {
  try {
    return DECOMPRESSORS[type](bytes, DECOMPRESSED_BYTES_MAX);
  } catch (cause) {
    if (cause instanceof ProtocolError) throw cause;
    throw new ProtocolError(
      'CORRUPT_MESSAGE',
      `The records of a batch cannot be unpacked (${type}, at most ${DECOMPRESSED_BYTES_MAX} bytes).`,
      { cause },
    );
  }
}
