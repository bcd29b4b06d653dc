import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { compressFrameSync, compressSync as compressLz4 } from 'lz4-napi';
import { compressSync as compressSnappy } from 'snappy';
import { describe, expect, it } from 'vitest';
import { ProtocolError } from '#protocol';
import { CodecPackage } from './codec-package.js';
import { BatchUnpacker, type CompressionType, compress, compressionTypeOf } from './compression.js';
import { decompressZstdInJavaScript } from './zstd-frame.js';

const TEXT = Buffer.from('Kafka keeps records. '.repeat(5000));
const BYTES_MAX = 2 * 1024 * 1024;
const unpacker = new BatchUnpacker(BYTES_MAX);
const STREAM_HEADER_BYTES = 16;
/** The frames of these tests say that their blocks have 64 KiB at most. */
const LZ4_BLOCK_BYTES_MAX = 65_536;
const corrupt = expect.objectContaining({ code: 'CORRUPT_MESSAGE' });

describe('compress', () => {
  it('packs records in a codec that every supported Node.js unpacks by itself', async () => {
    const { bytes, codec } = await compress(TEXT);
    expect(bytes.length).toBeLessThan(TEXT.length);
    expect(unpacker.unpack(compressionTypeOf(codec), bytes)).toEqual(TEXT);
  });
});

describe('decompress', () => {
  it.each<[CompressionType, string, Buffer]>([
    ['gzip', 'a gzip member', gzipSync(TEXT)],
    ['snappy', 'one raw block, as librdkafka writes', compressSnappy(TEXT)],
    ['snappy', 'a stream of blocks, as Java clients write', snappyStream(TEXT)],
    [
      'snappy',
      'one stream after another',
      Buffer.concat([snappyStream(TEXT.subarray(0, 50_000)), snappyStream(TEXT.subarray(50_000))]),
    ],
    [
      'snappy',
      'a stream with a last block of one byte',
      Buffer.concat([
        snappyStream(TEXT.subarray(0, -1)),
        snappyStream(TEXT.subarray(-1)).subarray(STREAM_HEADER_BYTES),
      ]),
    ],
    ['lz4', 'a frame', compressFrameSync(TEXT)],
    [
      'lz4',
      'a frame with checksums of its blocks and content',
      compressFrameSync(TEXT, { blockChecksums: true, contentChecksum: true }),
    ],
    [
      'lz4',
      'a frame whose blocks refer to those before',
      lz4Frame(linkedBlocks(TEXT), { flags: 0x40 }),
    ],
    ['lz4', 'a frame with blocks that are not compressed', lz4Frame(plainBlocks(TEXT))],
    [
      'lz4',
      "a frame with Kafka's old checksum of the header",
      wrongHeaderChecksum(compressFrameSync(TEXT)),
    ],
    [
      'lz4',
      'a frame with the size of its content',
      lz4Frame(plainBlocks(TEXT), { flags: 0x68, fields: Buffer.alloc(8) }),
    ],
    ['zstd', 'a frame', zstdFrame(plainZstdBlocks(TEXT))],
  ])('unpacks %s: %s', async (type, _title, bytes) => {
    expect(unpacker.unpack(type, bytes).equals(TEXT)).toBe(true);
    expect(Buffer.concat(await unpacker.unpackOnThread(type, bytes)).equals(TEXT)).toBe(true);
  });

  it.each<[CompressionType, Buffer]>([
    ['gzip', gzipSync(Buffer.alloc(BYTES_MAX + 1))],
    ['snappy', compressSnappy(Buffer.alloc(BYTES_MAX + 1))],
    ['snappy', snappyStream(Buffer.alloc(BYTES_MAX + 1))],
    ['lz4', compressFrameSync(Buffer.alloc(BYTES_MAX + 1))],
    ['zstd', zstdFrame(zeroZstdBlocks(BYTES_MAX + 1))],
  ])('refuses a %s batch that unpacks to more than the bound', async (type, bomb) => {
    expect(bomb.length).toBeLessThan(4 * 1024 * 1024);
    const bound = 'SLUICE_UNPACKED_BATCH_BYTES_MAX';
    const tooLarge = { code: 'CORRUPT_MESSAGE', message: expect.stringContaining(bound), bound };
    expect(() => unpacker.unpack(type, bomb)).toThrow(expect.objectContaining(tooLarge));
    await expect(unpacker.unpackOnThread(type, bomb)).rejects.toMatchObject(tooLarge);
  });

  it.each([
    ['16 GiB', Buffer.from('28b52ffd00c0010000', 'hex')],
    ['2^60 bytes in one piece', Buffer.from('28b52ffde00000000000000010010000', 'hex')],
  ])('refuses a zstd frame that asks its reader to keep %s', (_title, frame) => {
    expect(() => unpacker.unpack('zstd', frame)).toThrow(corrupt);
    const second = Buffer.concat([zstdFrame(plainZstdBlocks(TEXT)), frame]);
    expect(() => unpacker.unpack('zstd', second)).toThrow(corrupt);
  });

  it.each<[CompressionType, string, Buffer]>([
    ['snappy', 'a size that does not end', Buffer.alloc(8, 0xff)],
    ['lz4', 'a block larger than its frame allows', lz4Frame(plainBlock(LZ4_BLOCK_BYTES_MAX + 1))],
  ])('refuses %s bytes with %s', (type, _title, bytes) => {
    expect(() => unpacker.unpack(type, bytes)).toThrow(corrupt);
    const sound = lz4Frame(plainBlock(LZ4_BLOCK_BYTES_MAX));
    expect(unpacker.unpack('lz4', sound)).toHaveLength(LZ4_BLOCK_BYTES_MAX);
  });

  it('unpacks zstd in JavaScript alone, within the same bound', () => {
    const frame = zstdFrame(plainZstdBlocks(TEXT));
    expect(decompressZstdInJavaScript(frame, TEXT.length).equals(TEXT)).toBe(true);
    expect(() => decompressZstdInJavaScript(frame, TEXT.length - 1)).toThrow(RangeError);
  });

  const wholes: readonly [CompressionType, Buffer][] = [
    ['gzip', gzipSync(TEXT)],
    ['snappy', snappyStream(TEXT)],
    ['snappy', compressSnappy(TEXT)],
    ['lz4', compressFrameSync(TEXT)],
    ['zstd', zstdFrame(plainZstdBlocks(TEXT))],
  ];

  it.each(wholes)('never takes %s bytes that end too early for whole ones', (type, whole) => {
    for (const end of [0, 1, 4, 5, 7, 12, whole.length >> 1, whole.length - 5]) {
      const cut = whole.subarray(0, end);
      // Node 22 answers the part of a zstd frame that is there: the records in it are counted
      // later.
      const isShort = isAnswered(type, cut) && unpackedBytes(type, cut) < TEXT.length;
      expect(isShort, `${end}`).toBe(true);
    }
  });

  it.each(wholes)('answers damaged %s bytes with CORRUPT_MESSAGE or some bytes', (type, whole) => {
    const damage = fc.record({ at: fc.nat(whole.length - 1), byte: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(damage, { minLength: 1, maxLength: 4 }), (changes) => {
        const bytes = Buffer.from(whole);
        for (const { at, byte } of changes) bytes[at] = byte;
        expect(isAnswered(type, bytes)).toBe(true);
      }),
      { numRuns: 200 },
    );
    expect(isAnswered(type, randomBytes(1000))).toBe(true);
  });

  it.each(wholes)('answers cut %s bytes on a thread as it does at once', async (type, whole) => {
    const cut = whole.subarray(0, whole.length >> 1);
    const onThread = await unpacker.unpackOnThread(type, cut).catch(() => []);
    expect(Buffer.concat(onThread).length).toBe(unpackedBytes(type, cut));
  });

  it('names the package that is missing for a codec', () => {
    const missing = new CodecPackage('no-such-package', 'lz4');
    expect(() => missing.load()).toThrow(
      expect.objectContaining({
        code: 'UNSUPPORTED_COMPRESSION_TYPE',
        message: expect.stringContaining('"no-such-package"'),
      }),
    );
  });
});

/** True when the answer is one that a reader can be given. */
function isAnswered(type: CompressionType, bytes: Buffer): boolean {
  try {
    return unpacker.unpack(type, bytes).length <= BYTES_MAX;
  } catch (error) {
    return error instanceof ProtocolError && error.code === 'CORRUPT_MESSAGE';
  }
}

/** 0 for bytes that are refused. */
function unpackedBytes(type: CompressionType, bytes: Buffer): number {
  try {
    return unpacker.unpack(type, bytes).length;
  } catch {
    return 0;
  }
}

function snappyStream(content: Buffer): Buffer {
  const header = Buffer.from('82534e41505059000000000100000001', 'hex');
  const parts = piecesOf(content, 32 * 1024).flatMap((piece) => {
    const block = compressSnappy(piece);
    const size = Buffer.alloc(4);
    size.writeInt32BE(block.length);
    return [size, block];
  });
  return Buffer.concat([header, ...parts]);
}

/** @param blocks with their sizes before them */
function lz4Frame(
  blocks: Buffer,
  { flags = 0x60, fields = Buffer.alloc(0) }: { flags?: number; fields?: Buffer } = {},
): Buffer {
  const magicAndFlags = Buffer.from([0x04, 0x22, 0x4d, 0x18, flags, 0x40]);
  const headerChecksum = Buffer.from([0]);
  return Buffer.concat([magicAndFlags, fields, headerChecksum, blocks, Buffer.alloc(4)]);
}

function linkedBlocks(content: Buffer): Buffer {
  const pieces = piecesOf(content, 10_000);
  const blocks = pieces.map((piece, i) => {
    const before = content.subarray(Math.max(0, i * 10_000 - 65_536), i * 10_000);
    const sized = i === 0 ? compressLz4(piece) : compressLz4(piece, before);
    return withSize(sized.subarray(4), 0);
  });
  return Buffer.concat(blocks);
}

function plainBlocks(content: Buffer): Buffer {
  return Buffer.concat(piecesOf(content, 60_000).map((piece) => withSize(piece, 0x80000000)));
}

function plainBlock(bytes: number): Buffer {
  return withSize(Buffer.alloc(bytes), 0x80000000);
}

function withSize(block: Buffer, flag: number): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt32LE(block.length + flag);
  return Buffer.concat([size, block]);
}

function wrongHeaderChecksum(frame: Buffer): Buffer {
  const changed = Buffer.from(frame);
  changed[6] = (changed[6] as number) ^ 0xff;
  return changed;
}

/** A window of 128 KiB, no size of the content. */
function zstdFrame(blocks: Buffer): Buffer {
  return Buffer.concat([Buffer.from('28b52ffd0038', 'hex'), blocks]);
}

function plainZstdBlocks(content: Buffer): Buffer {
  const pieces = piecesOf(content, 100_000);
  return Buffer.concat(
    pieces.flatMap((piece, i) => [
      zstdBlockHeader(0, piece.length, i === pieces.length - 1),
      piece,
    ]),
  );
}

/** Blocks that repeat one byte. */
function zeroZstdBlocks(bytes: number): Buffer {
  const blocks: Buffer[] = [];
  for (let left = bytes; left > 0; left -= 131_072) {
    const size = Math.min(left, 131_072);
    blocks.push(zstdBlockHeader(1, size, left <= 131_072), Buffer.alloc(1));
  }
  return Buffer.concat(blocks);
}

function zstdBlockHeader(type: 0 | 1, size: number, isLast: boolean): Buffer {
  const header = Buffer.alloc(3);
  header.writeUIntLE((size << 3) | (type << 1) | (isLast ? 1 : 0), 0, 3);
  return header;
}

function piecesOf(content: Buffer, bytes: number): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < content.length; at += bytes) pieces.push(content.subarray(at, at + bytes));
  return pieces;
}
