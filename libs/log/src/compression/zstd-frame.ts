import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import type * as fzstd from 'fzstd';
import { CodecPackage } from './codec-package.js';
import { TooLargeUnpackedError } from './packed-block.js';
import { chunkBytesOf, unpackedByStream } from './unpacking-stream.js';

/** Pure JavaScript, for a Node without zstd (before 22.15). */
const fzstdPackage = new CodecPackage<typeof fzstd>('fzstd', 'zstd');

const FRAME_MAGIC = Buffer.from('28b52ffd', 'hex');
/** The longest header: magic number, flags, window, dictionary id, size of the content. */
const HEADER_BYTES_MAX = 18;
/** The limit of libzstd: 128 MiB. The frame's header says how much its reader has to keep. */
const WINDOW_BYTES_MAX = 2 ** 27;
/** Compressed bytes per slice of unpacking in JavaScript: a few milliseconds for most content. */
const SLICE_BYTES = 64 * 1024;

interface ZstdOptions {
  readonly maxOutputLength: number;
}

/** Node's own, from 22.15 on. */
interface NodeZstd {
  readonly zstdDecompressSync?: (bytes: Buffer, options: ZstdOptions) => Buffer;
  readonly createZstdDecompress?: (options: { readonly chunkSize: number }) => Transform;
}

const { zstdDecompressSync, createZstdDecompress } = zlib as NodeZstd;

/**
 * Unpacks zstd, by Node's zlib where that can and else by a package in JavaScript.
 * @throws Error when it is malformed or unpacks to more than `bytesMax`
 */
export function decompressZstdSync(bytes: Buffer, bytesMax: number): Buffer {
  assertWindows(bytes);
  return zstdDecompressSync === undefined
    ? decompressZstdInJavaScript(bytes, bytesMax)
    : zstdDecompressSync(bytes, { maxOutputLength: bytesMax });
}

/**
 * Works like `decompressZstdSync`, on a thread of the pool where Node's zlib can, else in slices
 * between which the event loop turns. Returns the pieces of the whole.
 */
export async function decompressZstd(bytes: Buffer, bytesMax: number): Promise<Buffer[]> {
  assertWindows(bytes);
  if (createZstdDecompress !== undefined) {
    const stream = createZstdDecompress({ chunkSize: chunkBytesOf(bytes) });
    return unpackedByStream(stream, bytes, bytesMax);
  }
  const work = new ZstdInJavaScript(bytesMax);
  for (let position = 0; position < bytes.length; position += SLICE_BYTES) {
    if (position > 0) await new Promise((resolve) => setImmediate(resolve));
    work.push(
      bytes.subarray(position, position + SLICE_BYTES),
      position + SLICE_BYTES >= bytes.length,
    );
  }
  return work.pieces;
}

/** Works like `decompressZstdSync`, on any Node. */
export function decompressZstdInJavaScript(bytes: Buffer, bytesMax: number): Buffer {
  const work = new ZstdInJavaScript(bytesMax);
  work.push(bytes, true);
  return Buffer.concat(work.pieces);
}

class ZstdInJavaScript {
  readonly pieces: Buffer[] = [];
  readonly #decompressor: fzstd.Decompress;
  #sizeBytes = 0;

  constructor(bytesMax: number) {
    this.#decompressor = new (fzstdPackage.load().Decompress)((part) => {
      this.#sizeBytes += part.length;
      if (this.#sizeBytes > bytesMax) throw new TooLargeUnpackedError('it is too large');
      // The package reuses the buffer that it passes to this callback.
      this.pieces.push(Buffer.from(part));
    });
  }

  push(bytes: Buffer, isLast: boolean): void {
    this.#decompressor.push(bytes, isLast);
  }
}

/** Checks every place where a frame may begin. @throws Error when one asks for too much memory */
function assertWindows(bytes: Buffer): void {
  let position = bytes.indexOf(FRAME_MAGIC);
  if (position !== 0) throw new RangeError('it is not a zstd frame');
  while (position >= 0) {
    const header = Buffer.alloc(HEADER_BYTES_MAX);
    bytes.copy(header, 0, position);
    if (windowBytes(header) > WINDOW_BYTES_MAX) throw new RangeError('it is too large');
    position = bytes.indexOf(FRAME_MAGIC, position + 1);
  }
}

/**
 * Returns the bytes of content that a frame's reader must keep: a descriptor of a power of two and
 * eighths of it, or the whole content when the frame is a single segment.
 */
function windowBytes(header: Buffer): number {
  const flags = header.readUInt8(4);
  const isOnePiece = (flags & 0x20) !== 0;
  if (!isOnePiece) {
    const descriptor = header.readUInt8(5);
    const power = 2 ** (10 + (descriptor >> 3));
    return power + (power / 8) * (descriptor & 7);
  }
  const idBytes = [0, 1, 2, 4][flags & 3] ?? 0;
  const position = 5 + idBytes;
  switch (flags >> 6) {
    case 0:
      return header.readUInt8(position);
    case 1:
      return header.readUInt16LE(position) + 256;
    case 2:
      return header.readUInt32LE(position);
    default:
      return Number(header.readBigUInt64LE(position));
  }
}
