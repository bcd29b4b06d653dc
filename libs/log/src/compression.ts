import { gunzipSync } from 'node:zlib';
import { ProtocolError } from '#protocol';

/** How the records section of a batch is compressed. */
export type CompressionType = (typeof COMPRESSION_TYPES)[number];

/** By the number in the batch's attributes, bits 0-2. */
const COMPRESSION_TYPES = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;

/**
 * What one batch may unpack to. A batch is at most `max.message.bytes` (1 MiB by default) when it is
 * compressed; without a bound a crafted one of that size would unpack to a gigabyte.
 */
export const DECOMPRESSED_BYTES_MAX = 64 * 1024 * 1024;

/** @throws ProtocolError UNSUPPORTED_COMPRESSION_TYPE for a number that Kafka does not define */
export function compressionTypeOf(attributes: number): CompressionType {
  const type = COMPRESSION_TYPES[attributes & 7];
  if (type === undefined) throw unsupported(`codec ${attributes & 7}`);
  return type;
}

/**
 * Unpacks the records section of a batch.
 * @throws ProtocolError UNSUPPORTED_COMPRESSION_TYPE for what is not read here; CORRUPT_MESSAGE when
 *   the bytes are not what they say or unpack to more than DECOMPRESSED_BYTES_MAX
 */
export function decompress(type: CompressionType, bytes: Buffer): Buffer {
  if (type === 'none') return bytes;
  if (type === 'gzip') return gunzip(bytes);
  throw unsupported(type);
}

function gunzip(bytes: Buffer): Buffer {
  try {
    return gunzipSync(bytes, { maxOutputLength: DECOMPRESSED_BYTES_MAX });
  } catch (cause) {
    throw new ProtocolError(
      'CORRUPT_MESSAGE',
      `The records of a batch cannot be unpacked (gzip, at most ${DECOMPRESSED_BYTES_MAX} bytes).`,
      { cause },
    );
  }
}

function unsupported(what: string): ProtocolError {
  return new ProtocolError(
    'UNSUPPORTED_COMPRESSION_TYPE',
    `A batch is compressed with ${what}; "none" and "gzip" can be read.`,
  );
}
