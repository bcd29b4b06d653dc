import type * as snappy from 'snappy';
import { CodecPackage } from './codec-package.js';
import { type BlockUnpacking, type PackedBlock, TooLargeUnpackedError } from './packed-block.js';

const snappyPackage = new CodecPackage<typeof snappy>('snappy', 'snappy');

/**
 * Header of the streams of Kafka's Java clients: "SNAPPY" between two bytes. Two int32 follow, the
 * version and the lowest compatible one, and then any number of blocks, each an int32 with its size
 * and as many bytes of raw snappy.
 */
const STREAM_MAGIC = Buffer.from('82534e4150505900', 'hex');
const STREAM_HEADER_BYTES = STREAM_MAGIC.length + 8;

/**
 * Takes the two forms of snappy apart that Kafka's clients write: a stream of blocks (Java) or one
 * raw block (librdkafka).
 * @throws Error when it is malformed; TooLargeUnpackedError when it unpacks to more than `bytesMax`
 */
export function* unpackSnappy(bytes: Buffer, bytesMax: number): BlockUnpacking {
  if (!isStreamHeader(bytes, 0)) return [yield checked(bytes, bytesMax)];
  const parts: Buffer[] = [];
  let sizeBytes = 0;
  let position = 0;
  while (position < bytes.length) {
    // The header may be repeated: concatenated streams are a stream, too.
    if (isStreamHeader(bytes, position)) {
      position += STREAM_HEADER_BYTES;
      continue;
    }
    const start = position + 4;
    const end = start + bytes.readInt32BE(position);
    if (end < start || end > bytes.length) throw new RangeError('a snappy block has a wrong size');
    const part = yield checked(bytes.subarray(start, end), bytesMax - sizeBytes);
    parts.push(part);
    sizeBytes += part.length;
    position = end;
  }
  return parts;
}

export function unpackSnappyBlockSync({ bytes }: PackedBlock): Buffer {
  return snappyPackage.load().uncompressSync(bytes, { asBuffer: true }) as Buffer;
}

/** Works like `unpackSnappyBlockSync`, on a thread of the pool. */
export async function unpackSnappyBlock({ bytes }: PackedBlock): Promise<Buffer> {
  return (await snappyPackage.load().uncompress(bytes, { asBuffer: true })) as Buffer;
}

function isStreamHeader(bytes: Buffer, position: number): boolean {
  // A short last block leaves fewer bytes than a header has.
  if (bytes.length - position < STREAM_HEADER_BYTES) return false;
  return bytes.compare(STREAM_MAGIC, 0, 8, position, position + 8) === 0;
}

function checked(bytes: Buffer, bytesMax: number): PackedBlock {
  if (declaredBytes(bytes) > bytesMax)
    throw new TooLargeUnpackedError('a snappy block is too large');
  return { bytes, bytesMax };
}

/** Reads the unpacked size with which a raw block begins: base-128 groups, the lowest first. */
function declaredBytes(block: Buffer): number {
  let size = 0;
  for (let i = 0; i < 5; i += 1) {
    const byte = block.readUInt8(i);
    size += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return size;
  }
  throw new RangeError('a snappy block has no size');
}
