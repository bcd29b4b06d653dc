import type { TopicPartition } from '#protocol';
import type { DamagedRange } from '../record-batch/damage.js';

/** Events of a broker's logs, for metrics. Called synchronously: implementations must be quick. */
export interface LogObserver {
  /** A round was written: `batchBytes` has the size of each of its batches. */
  appended(records: number, batchBytes: readonly number[]): void;
  /** A sync of a log's file took this long and made this much durable. */
  synced(durationMs: number, bytes: number): void;
  /** A write or sync failed; `isOffline`: the partition takes no more writes until a restart. */
  storageFailed(topicPartition: TopicPartition, isOffline: boolean): void;
  /** A part of a log was found unreadable. */
  damaged(topicPartition: TopicPartition, range: DamagedRange): void;
  /** Recovery cut a torn tail; the bytes are quarantined beside the log. */
  cut(topicPartition: TopicPartition, bytes: number): void;
  /** Damaged bytes were replaced by another replica's; they are quarantined beside the log. */
  repaired(topicPartition: TopicPartition, bytes: number): void;
  /** Segments were deleted by retention, by a deletion of records or with their topic. */
  deleted(segments: number, bytes: number): void;
  /** Segments were replaced by their compacted form. */
  cleaned(segments: number, bytesBefore: number, bytesAfter: number): void;
  /** The background scrub has checked a segment of this size. */
  scrubbed(bytes: number): void;
  /** The background scrub has checked all logs. */
  scrubPassEnded(): void;
  /** Bytes of batches read from disk, not from the tail cache. */
  readFromDisk(bytes: number): void;
}

export const silentLogObserver: LogObserver = {
  appended: () => undefined,
  synced: () => undefined,
  storageFailed: () => undefined,
  damaged: () => undefined,
  cut: () => undefined,
  repaired: () => undefined,
  deleted: () => undefined,
  cleaned: () => undefined,
  scrubbed: () => undefined,
  scrubPassEnded: () => undefined,
  readFromDisk: () => undefined,
};
