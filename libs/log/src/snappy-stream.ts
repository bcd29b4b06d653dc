import type * as snappy from 'snappy';
import { CodecPackage } from './codec-package.js';

const snappyPackage = new CodecPackage<typeof snappy>('snappy', 'snappy');

/**
 * What Kafka's Java clients write first; "SNAPPY" between two bytes. After it stand two int32, the
 * version and the lowest compatible one, and then any number of blocks, each an int32 with its size and
 * as many bytes of raw snappy.
 */
const STREAM_MAGIC = Buffer.from('82534e4150505900', 'hex');
const STREAM_HEADER_BYTES = STREAM_MAGIC.length + 8;

/**
 * Unpacks the two forms of snappy that Kafka's clients write: a stream of blocks (Java) or one raw
 * block (librdkafka).
 * @throws Error when it is malformed or unpacks to more than `bytesMax`
 */
export function decompressSnappy(bytes: Buffer, bytesMax: number): Buffer {
  if (!isStreamHeader(bytes, 0)) return decompressBlock(bytes, bytesMax);
  const parts: Buffer[] = [];
  let sizeBytes = 0;
  let position = 0;
  while (position < bytes.length) {
    // The header may stand again: a stream of streams is one, too.
    if (isStreamHeader(bytes, position)) {
      position += STREAM_HEADER_BYTES;
      continue;
    }
    const start = position + 4;
    const end = start + bytes.readInt32BE(position);
    if (end < start || end > bytes.length) throw new RangeError('a snappy block has a wrong size');
    const part = decompressBlock(bytes.subarray(start, end), bytesMax - sizeBytes);
    parts.push(part);
    sizeBytes += part.length;
    position = end;
  }
  return Buffer.concat(parts, sizeBytes);
}

function isStreamHeader(bytes: Buffer, position: number): boolean {
  const isMagic = bytes.compare(STREAM_MAGIC, 0, 8, position, position + 8) === 0;
  return isMagic && bytes.length - position >= STREAM_HEADER_BYTES;
}

function decompressBlock(block: Buffer, bytesMax: number): Buffer {
  if (declaredBytes(block) > bytesMax) throw new RangeError('a snappy block is too large');
  return snappyPackage.load().uncompressSync(block, { asBuffer: true }) as Buffer;
}

/** A raw block begins with its unpacked size: base-128 groups, the lowest first. */
function declaredBytes(block: Buffer): number {
  let size = 0;
  for (let i = 0; i < 5; i += 1) {
    const byte = block.readUInt8(i);
    size += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return size;
  }
  throw new RangeError('a snappy block has no size');
}
