import * as zlib from 'node:zlib';
import type * as fzstd from 'fzstd';
import { CodecPackage } from './codec-package.js';

/** In JavaScript: for a Node without zstd (before 22.15). */
const fzstdPackage = new CodecPackage<typeof fzstd>('fzstd', 'zstd');

const FRAME_MAGIC = Buffer.from('28b52ffd', 'hex');
/** The longest header: magic number, flags, window, dictionary id, size of the content. */
const HEADER_BYTES_MAX = 18;
/** As libzstd has it: 128 MiB. The frame's header says how much its reader has to keep. */
const WINDOW_BYTES_MAX = 2 ** 27;

type ZstdDecompress = (bytes: Buffer, options: { readonly maxOutputLength: number }) => Buffer;

/** Node's own, from 22.15 on. */
const zstdDecompressSync = (zlib as { readonly zstdDecompressSync?: ZstdDecompress })
  .zstdDecompressSync;

/**
 * Unpacks zstd, by Node's zlib where that can and else by a package in JavaScript.
 * @throws Error when it is malformed or unpacks to more than `bytesMax`
 */
export function decompressZstd(bytes: Buffer, bytesMax: number): Buffer {
  assertWindows(bytes);
  return zstdDecompressSync === undefined
    ? decompressZstdInJavaScript(bytes, bytesMax)
    : zstdDecompressSync(bytes, { maxOutputLength: bytesMax });
}

/** As `decompressZstd`, on any Node. */
export function decompressZstdInJavaScript(bytes: Buffer, bytesMax: number): Buffer {
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  const decompressor = new (fzstdPackage.load().Decompress)((part) => {
    sizeBytes += part.length;
    if (sizeBytes > bytesMax) throw new RangeError('it is too large');
    // The package goes on writing into what it hands out.
    parts.push(Uint8Array.from(part));
  });
  decompressor.push(bytes, true);
  return Buffer.concat(parts, sizeBytes);
}

/** Checks every place where a frame may begin. @throws Error when one asks for too much memory */
function assertWindows(bytes: Buffer): void {
  let at = bytes.indexOf(FRAME_MAGIC);
  if (at !== 0) throw new RangeError('it is no zstd frame');
  while (at >= 0) {
    const header = Buffer.alloc(HEADER_BYTES_MAX);
    bytes.copy(header, 0, at);
    if (windowBytes(header) > WINDOW_BYTES_MAX) throw new RangeError('it is too large');
    at = bytes.indexOf(FRAME_MAGIC, at + 1);
  }
}

/**
 * How much of the content a frame's reader must keep: by a descriptor of a power of two and eighths of
 * it, or all of it where the frame is one piece.
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
  const at = 5 + idBytes;
  switch (flags >> 6) {
    case 0:
      return header.readUInt8(at);
    case 1:
      return header.readUInt16LE(at) + 256;
    case 2:
      return header.readUInt32LE(at);
    default:
      return Number(header.readBigUInt64LE(at));
  }
}
