/**
 * The form of a run on disk (`<from offset, 20 digits>.delayed`, big endian).
 *
 * | bytes | part |
 * |---|---|
 * | 4 | magic, `SDR2` |
 * | 4 | uint32, number of entries |
 * | 8 + 8 | float64, range of offsets that the run covers: from, to (the first one after it) |
 * | 8 + 8 | float64, time and offset of the last entry; -1 without one |
 * | 4 | int32, leader epoch of the offset before `to`; -1 where it is not known |
 * | 4 | uint32, CRC-32C of all above and of the table below |
 * | 20 a block | table: float64 time and float64 offset of its first entry, uint32 CRC-32C of it |
 * | 20 an entry | float64 time, float64 offset, uint32 hash of the key (0: no key), sorted |
 */
import { crc32c } from '#log';
import type { LeaderEpoch, Offset } from '#protocol';
import type { DueCursor } from '../queue/share-change.js';
import type { DelayedEntries, DelayedEntry } from './delayed-entries.js';

const MAGIC = 0x53445232;
const EPOCH_AT = 40;
const CRC_AT = 44;
export const RUN_HEADER_BYTES = 48;
/** Bytes of an entry, and of a block's line in the table. */
export const ENTRY_BYTES = 20;
/** Entries that are read from the disk at once. */
export const BLOCK_ENTRIES = 512;

/** The part of a log that a run covers. */
export interface RunRange {
  readonly from: Offset;
  /** Offset after the last one that the run covers. */
  readonly to: Offset;
  /** Leader epoch of the offset before `to`; undefined where it is not known. */
  readonly leaderEpoch: LeaderEpoch | undefined;
}

/** The fields of a run's header. */
export interface RunHeader extends RunRange {
  readonly count: number;
  readonly last: DueCursor;
}

const RUN_FILE = /^\d{20}\.delayed$/u;

export function runFileName(from: Offset): string {
  return `${String(from).padStart(20, '0')}.delayed`;
}

export function isRunFileName(name: string): boolean {
  return RUN_FILE.test(name);
}

export function blockCount(entryCount: number): number {
  return Math.ceil(entryCount / BLOCK_ENTRIES);
}

/** Bytes of a file before its entries. */
export function entriesStart(entryCount: number): number {
  return RUN_HEADER_BYTES + blockCount(entryCount) * ENTRY_BYTES;
}

export function encodeRun(entries: DelayedEntries, { from, to, leaderEpoch }: RunRange): Buffer {
  const { count } = entries;
  const start = entriesStart(count);
  const bytes = Buffer.allocUnsafe(start + count * ENTRY_BYTES);
  for (let index = 0; index < count; index += 1) {
    const { atMs, offset, keyHash } = entries.at(index) as DelayedEntry;
    const at = start + index * ENTRY_BYTES;
    bytes.writeDoubleBE(atMs, at);
    bytes.writeDoubleBE(offset, at + 8);
    bytes.writeUInt32BE(keyHash ?? 0, at + 16);
  }
  for (let block = 0; block < blockCount(count); block += 1) {
    const blockAt = start + block * BLOCK_ENTRIES * ENTRY_BYTES;
    const end = Math.min(bytes.length, blockAt + BLOCK_ENTRIES * ENTRY_BYTES);
    const lineAt = RUN_HEADER_BYTES + block * ENTRY_BYTES;
    bytes.copy(bytes, lineAt, blockAt, blockAt + 16);
    bytes.writeUInt32BE(crc32c(bytes.subarray(blockAt, end), 0), lineAt + 16);
  }
  const last = count === 0 ? undefined : entries.at(count - 1);
  bytes.writeUInt32BE(MAGIC, 0);
  bytes.writeUInt32BE(count, 4);
  bytes.writeDoubleBE(from, 8);
  bytes.writeDoubleBE(to, 16);
  bytes.writeDoubleBE(last?.atMs ?? -1, 24);
  bytes.writeDoubleBE(last?.offset ?? -1, 32);
  bytes.writeInt32BE(leaderEpoch ?? -1, EPOCH_AT);
  bytes.writeUInt32BE(headCrc(bytes.subarray(0, start)), CRC_AT);
  return bytes;
}

/** @returns undefined when these cannot be the first bytes of a run */
export function decodeHeader(bytes: Buffer): RunHeader | undefined {
  if (bytes.length < RUN_HEADER_BYTES || bytes.readUInt32BE(0) !== MAGIC) return undefined;
  const leaderEpoch = bytes.readInt32BE(EPOCH_AT);
  return {
    leaderEpoch: leaderEpoch < 0 ? undefined : leaderEpoch,
    count: bytes.readUInt32BE(4),
    from: bytes.readDoubleBE(8),
    to: bytes.readDoubleBE(16),
    last: { atMs: bytes.readDoubleBE(24), offset: bytes.readDoubleBE(32) },
  };
}

/** @param head the header and the table */
export function isRunHeadValid(head: Buffer): boolean {
  return head.readUInt32BE(CRC_AT) === headCrc(head);
}

/** The CRC of the header and the table, without the CRC itself. */
function headCrc(head: Buffer): number {
  return crc32c(Buffer.concat([head.subarray(0, CRC_AT), head.subarray(RUN_HEADER_BYTES)]), 0);
}
