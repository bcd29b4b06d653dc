import { assert } from '#runtime';
import { crc32c } from '../record-batch/crc32c.js';

/**
 * The two files of a producer snapshot, which together hold the state of all producers up to an
 * offset (exclusive). All numbers are big-endian.
 *
 * `<offset>.snapshot` is that of Kafka's ProducerStateManager:
 *
 * | bytes | header, then the producers |
 * |---|---|
 * | 2 | int16 version, 1 |
 * | 4 | uint32 CRC-32C of all that follows |
 * | 4 | int32 number of producers |
 * | 46 each | int64 producer id, int16 epoch, int32 last sequence, int64 last offset, |
 * | | int32 offset delta, int64 timestamp, int32 coordinator epoch, |
 * | | int64 first offset of the open transaction (-1: none) |
 *
 * `<offset>.producers` is our sidecar: what Kafka does not keep.
 *
 * | bytes | header as above, then the producers |
 * |---|---|
 * | 28 each | int64 producer id, int64 time of the last append in ms, |
 * | | int64 number of sequences known to be done, int32 number of batches |
 * | 24 per batch | int32 last sequence, int32 offset delta, int64 last offset, |
 * | | int64 greatest timestamp |
 */
const HEADER_BYTES = 10;
const VERSION = 1;
const SNAPSHOT_ENTRY_BYTES = 46;
const SIDECAR_ENTRY_BYTES = 28;
const SIDECAR_BATCH_BYTES = 24;

const SNAPSHOT_SUFFIX = '.snapshot';
const SIDECAR_SUFFIX = '.producers';

/** An appended batch of a producer: enough to answer a retry of it. */
export interface RememberedBatch {
  readonly lastSequence: number;
  /** Last offset minus base offset; equals last sequence minus base sequence. */
  readonly offsetDelta: number;
  readonly lastOffset: number;
  readonly maxTimestamp: number;
}

/** The complete state of one producer. */
export interface ProducerSnapshot {
  readonly producerId: number;
  readonly epoch: number;
  /** Last sequence; -1 before the first append of this epoch. */
  readonly lastSequence: number;
  /** Wall clock, ms. */
  readonly lastAppendMs: number;
  /** Number of sequences, including the last one, that are known to be in the log without a gap. */
  readonly doneCount: number;
  /** Oldest first. */
  readonly batches: readonly RememberedBatch[];
}

/** `00000000000000000042.snapshot` */
export function snapshotFileName(offset: number): string {
  return `${String(offset).padStart(20, '0')}${SNAPSHOT_SUFFIX}`;
}

/** `00000000000000000042.producers` */
export function sidecarFileName(offset: number): string {
  return `${String(offset).padStart(20, '0')}${SIDECAR_SUFFIX}`;
}

/** The offset in the name of either file of a snapshot; undefined for any other file. */
export function snapshotOffset(fileName: string): number | undefined {
  const match = /^(\d{20})\.(?:snapshot|producers)$/.exec(fileName);
  return match === null ? undefined : Number(match[1]);
}

/** Encodes Kafka's file. */
export function encodeSnapshot(producers: readonly ProducerSnapshot[]): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + producers.length * SNAPSHOT_ENTRY_BYTES);
  let position = HEADER_BYTES;
  for (const producer of producers) {
    const last = producer.batches.at(-1);
    writeInt64(bytes, producer.producerId, position);
    bytes.writeInt16BE(producer.epoch, position + 8);
    bytes.writeInt32BE(producer.lastSequence, position + 10);
    writeInt64(bytes, last?.lastOffset ?? -1, position + 14);
    bytes.writeInt32BE(last?.offsetDelta ?? 0, position + 22);
    writeInt64(bytes, last?.maxTimestamp ?? -1, position + 26);
    bytes.writeInt32BE(-1, position + 34);
    writeInt64(bytes, -1, position + 38);
    position += SNAPSHOT_ENTRY_BYTES;
  }
  return withHeader(bytes, producers.length);
}

/** Encodes the sidecar. */
export function encodeSidecar(producers: readonly ProducerSnapshot[]): Buffer {
  const batchCount = producers.reduce((sum, producer) => sum + producer.batches.length, 0);
  const bytes = Buffer.allocUnsafe(
    HEADER_BYTES + producers.length * SIDECAR_ENTRY_BYTES + batchCount * SIDECAR_BATCH_BYTES,
  );
  let position = HEADER_BYTES;
  for (const producer of producers) {
    writeInt64(bytes, producer.producerId, position);
    writeInt64(bytes, producer.lastAppendMs, position + 8);
    writeInt64(bytes, producer.doneCount, position + 16);
    bytes.writeInt32BE(producer.batches.length, position + 24);
    position += SIDECAR_ENTRY_BYTES;
    for (const batch of producer.batches) {
      bytes.writeInt32BE(batch.lastSequence, position);
      bytes.writeInt32BE(batch.offsetDelta, position + 4);
      writeInt64(bytes, batch.lastOffset, position + 8);
      writeInt64(bytes, batch.maxTimestamp, position + 16);
      position += SIDECAR_BATCH_BYTES;
    }
  }
  return withHeader(bytes, producers.length);
}

/**
 * Reads a snapshot. Without a sidecar (Kafka wrote it), or with one for another batch, a producer
 * has the one batch that Kafka keeps and counts as having appended at `nowMs`.
 * @returns undefined when either file is damaged or of another version
 */
export function decodeSnapshot(
  snapshot: Buffer,
  sidecar: Buffer | undefined,
  nowMs: number,
): ProducerSnapshot[] | undefined {
  const count = checkedCount(snapshot);
  if (count === undefined || snapshot.length !== HEADER_BYTES + count * SNAPSHOT_ENTRY_BYTES) {
    return undefined;
  }
  const details = sidecar === undefined ? new Map<number, SidecarEntry>() : decodeSidecar(sidecar);
  if (details === undefined) return undefined;
  const producers: ProducerSnapshot[] = [];
  for (let position = HEADER_BYTES; position < snapshot.length; position += SNAPSHOT_ENTRY_BYTES) {
    const fromKafka = decodeSnapshotEntry(snapshot, position, nowMs);
    const detail = details.get(fromKafka.producerId);
    producers.push(agrees(fromKafka, detail) ? { ...fromKafka, ...detail } : fromKafka);
  }
  return producers;
}

function decodeSnapshotEntry(bytes: Buffer, position: number, nowMs: number): ProducerSnapshot {
  const lastSequence = bytes.readInt32BE(position + 10);
  const offsetDelta = bytes.readInt32BE(position + 22);
  const batch = {
    lastSequence,
    offsetDelta,
    lastOffset: readInt64(bytes, position + 14),
    maxTimestamp: readInt64(bytes, position + 26),
  };
  const hasBatch = lastSequence >= 0;
  return {
    producerId: readInt64(bytes, position),
    epoch: bytes.readInt16BE(position + 8),
    lastSequence,
    lastAppendMs: nowMs,
    doneCount: hasBatch ? offsetDelta + 1 : 0,
    batches: hasBatch ? [batch] : [],
  };
}

type SidecarEntry = Pick<ProducerSnapshot, 'lastAppendMs' | 'doneCount' | 'batches'>;

/** Returns the entries by producer id; undefined when the sidecar is damaged. */
function decodeSidecar(bytes: Buffer): Map<number, SidecarEntry> | undefined {
  const count = checkedCount(bytes);
  if (count === undefined) return undefined;
  const entries = new Map<number, SidecarEntry>();
  let position = HEADER_BYTES;
  for (let i = 0; i < count; i += 1) {
    const batchCount = bytes.readInt32BE(position + 24);
    const batchesAt = position + SIDECAR_ENTRY_BYTES;
    const batches: RememberedBatch[] = [];
    for (let batch = 0; batch < batchCount; batch += 1) {
      const batchAt = batchesAt + batch * SIDECAR_BATCH_BYTES;
      batches.push({
        lastSequence: bytes.readInt32BE(batchAt),
        offsetDelta: bytes.readInt32BE(batchAt + 4),
        lastOffset: readInt64(bytes, batchAt + 8),
        maxTimestamp: readInt64(bytes, batchAt + 16),
      });
    }
    const lastAppendMs = readInt64(bytes, position + 8);
    entries.set(readInt64(bytes, position), {
      lastAppendMs,
      doneCount: readInt64(bytes, position + 16),
      batches,
    });
    position = batchesAt + batchCount * SIDECAR_BATCH_BYTES;
  }
  return entries;
}

/** True when the sidecar describes the same last batch. */
function agrees(fromKafka: ProducerSnapshot, detail: SidecarEntry | undefined): boolean {
  const ours = detail?.batches.at(-1);
  const theirs = fromKafka.batches.at(-1);
  return (
    detail !== undefined &&
    ours?.lastSequence === theirs?.lastSequence &&
    ours?.lastOffset === theirs?.lastOffset
  );
}

function withHeader(bytes: Buffer, count: number): Buffer {
  bytes.writeInt16BE(VERSION, 0);
  bytes.writeInt32BE(count, 6);
  bytes.writeUInt32BE(crc32c(bytes, 6), 2);
  return bytes;
}

/** Returns the count in the header, or undefined when version or CRC are wrong. */
function checkedCount(bytes: Buffer): number | undefined {
  if (bytes.length < HEADER_BYTES || bytes.readInt16BE(0) !== VERSION) return undefined;
  if (bytes.readUInt32BE(2) !== crc32c(bytes, 6)) return undefined;
  return bytes.readInt32BE(6);
}

function writeInt64(bytes: Buffer, value: number, position: number): void {
  assert(Number.isSafeInteger(value), `int64 of ${value}`);
  bytes.writeBigInt64BE(BigInt(value), position);
}

function readInt64(bytes: Buffer, position: number): number {
  return Number(bytes.readBigInt64BE(position));
}
