import type * as lz4 from 'lz4-napi';
import { CodecPackage } from './codec-package.js';
import { type BlockUnpacking, type PackedBlock, TooLargeUnpackedError } from './packed-block.js';

const lz4Package = new CodecPackage<typeof lz4>('lz4-napi', 'lz4');

/**
 * The LZ4 frame, little-endian.
 *
 * | bytes | field |
 * |------:|-------|
 * | 4 | magic number |
 * | 1 | flags: 6-7 version (1), 5 blocks are independent, 4 block checksums, |
 * |   | 3 content size, 2 content checksum, 0 dictionary id |
 * | 1 | 4-6: the largest unpacked block, 4 for 64 KiB up to 7 for 4 MiB |
 * | 0 or 8 | size of the content |
 * | 0 or 4 | id of a dictionary |
 * | 1 | checksum of the header |
 * | ... | blocks: uint32 size (highest bit: not compressed), bytes, checksum if any |
 * | 4 | 0: no more blocks |
 * | 0 or 4 | checksum of the content |
 */
const FRAME_MAGIC = 0x184d2204;
const FLAG_INDEPENDENT = 0x20;
const FLAG_BLOCK_CHECKSUM = 0x10;
const FLAG_CONTENT_SIZE = 0x08;
const FLAG_DICTIONARY_ID = 0x01;
const IS_PLAIN = 0x80000000;
/** Distance back to which a block may refer into the blocks before it. */
const WINDOW_BYTES = 64 * 1024;
/** No LZ4 block unpacks to more than this many times its size. */
const EXPANSION_MAX = 255;

/**
 * Takes an LZ4 frame apart block by block, so that no more than `bytesMax` and one block is ever
 * unpacked.
 *
 * The checksums in the frame are not compared: the batch's CRC-32C covers all of these bytes. That
 * is also how frames are read whose header checksum is Kafka's old, wrong one (KAFKA-3160).
 * @throws Error when it is malformed; TooLargeUnpackedError when it unpacks to more than `bytesMax`
 */
export function* unpackLz4Frame(bytes: Buffer, bytesMax: number): BlockUnpacking {
  if (bytes.readUInt32LE(0) !== FRAME_MAGIC) throw new RangeError('it is not an LZ4 frame');
  const flags = bytes.readUInt8(4);
  if (flags >> 6 !== 1) throw new RangeError(`LZ4 frames of version ${flags >> 6} are not known`);
  const isIndependent = (flags & FLAG_INDEPENDENT) !== 0;
  const blockBytesMax = blockSizeOf(bytes.readUInt8(5));
  const parts: Buffer[] = [];
  let sizeBytes = 0;
  let window: Buffer | undefined;
  let position = headerBytes(flags);
  for (;;) {
    const word = bytes.readUInt32LE(position);
    if (word === 0) return parts;
    const start = position + 4;
    const end = start + (word % IS_PLAIN);
    if (end > bytes.length) throw new RangeError('an LZ4 block ends beyond its frame');
    const block = bytes.subarray(start, end);
    const part = word >= IS_PLAIN ? block : yield { bytes: block, bytesMax: blockBytesMax, window };
    sizeBytes += part.length;
    if (part.length > blockBytesMax) throw new RangeError('an LZ4 block is too large');
    if (sizeBytes > bytesMax) throw new TooLargeUnpackedError('it is too large');
    parts.push(part);
    if (!isIndependent) window = lastBytes(window, part);
    position = (flags & FLAG_BLOCK_CHECKSUM) === 0 ? end : end + 4;
  }
}

function headerBytes(flags: number): number {
  const contentSizeBytes = (flags & FLAG_CONTENT_SIZE) === 0 ? 0 : 8;
  const dictionaryIdBytes = (flags & FLAG_DICTIONARY_ID) === 0 ? 0 : 4;
  return 6 + contentSizeBytes + dictionaryIdBytes + 1;
}

function blockSizeOf(descriptor: number): number {
  const code = (descriptor >> 4) & 7;
  if (code < 4) throw new RangeError(`LZ4 blocks of size ${code} are not known`);
  return 2 ** (8 + 2 * code);
}

export function unpackLz4BlockSync(block: PackedBlock): Buffer {
  return lz4Package.load().uncompressSync(sized(block), block.window);
}

/** Works like `unpackLz4BlockSync`, on a thread of the pool. */
export async function unpackLz4Block(block: PackedBlock): Promise<Buffer> {
  return lz4Package.load().uncompress(sized(block), block.window);
}

/** The package expects the unpacked size in front of the block. */
function sized({ bytes, bytesMax }: PackedBlock): Buffer {
  const block = Buffer.allocUnsafe(4 + bytes.length);
  block.writeUInt32LE(Math.min(bytesMax, bytes.length * EXPANSION_MAX), 0);
  bytes.copy(block, 4);
  return block;
}

function lastBytes(window: Buffer | undefined, part: Buffer): Buffer {
  if (window === undefined || part.length >= WINDOW_BYTES) return part.subarray(-WINDOW_BYTES);
  return Buffer.concat([window, part]).subarray(-WINDOW_BYTES);
}
