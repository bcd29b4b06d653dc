import { join } from 'node:path';
import { type Offset, type TopicPartition, topicPartitionName } from '#protocol';
import type { DiskReserve, FileSystem, Logger } from '#runtime';
import {
  type CheckpointFile,
  CorruptCheckpointError,
  type OffsetCheckpointEntry,
  offsetCheckpointFile,
} from '../checkpoint/checkpoint-file.js';
import type { CheckpointSink } from '../log/log-state.js';
import type { Log } from '../log.js';

/** The offsets of one log that files of the data directory record. */
export interface CheckpointedOffsets {
  readonly recoveryPoint: Offset;
  readonly logStartOffset: Offset;
  readonly highWatermark: Offset;
  /**
   * First offset from which on no offset is missing. Undefined for a log that is not listed: it was
   * empty when the broker stopped, or the broker did not write its content.
   */
  readonly compactedEndOffset: Offset | undefined;
  /** First offset that is not compacted. */
  readonly cleanedEndOffset: Offset;
}

type Kind = keyof CheckpointedOffsets;

const FILE_NAMES = {
  recoveryPoint: 'recovery-point-offset-checkpoint',
  logStartOffset: 'log-start-offset-checkpoint',
  highWatermark: 'replication-offset-checkpoint',
  compactedEndOffset: 'compacted-end-offset-checkpoint',
  cleanedEndOffset: 'cleaner-offset-checkpoint',
} as const satisfies Record<Kind, string>;

const KINDS = Object.keys(FILE_NAMES) as readonly Kind[];

/**
 * The offset checkpoints of a data directory, one file per kind with a line for each log.
 *
 * The high watermark is written no higher than the recovery point: with `os` durability records
 * above may be lost after a power failure without any fault. Logs that could not be opened keep the
 * offsets that were read for them.
 *
 * Overlap: all calls may overlap; the writes of one file reach the disk one after the other
 * (CheckpointFile).
 */
export class LogCheckpoints implements CheckpointSink {
  readonly #files: Record<Kind, CheckpointFile<OffsetCheckpointEntry>>;
  /** Offsets read at the start, by partition; dropped when the log is opened or deleted. */
  readonly #read = new Map<
    string,
    { topicPartition: TopicPartition; offsets: CheckpointedOffsets }
  >();
  readonly #logs = new Map<string, Log>();
  /** True when a log that is missing in the files of log starts certainly begins at offset 0. */
  #areLogStartsKnown = true;
  /** Default for logs that are not listed; after damage to the file any of them may have gaps. */
  #compactedEndDefault: Offset | undefined;
  /** Entries that each file has, so that only changed files are written. */
  readonly #written = new Map<Kind, readonly OffsetCheckpointEntry[]>();
  readonly #fileSystem: FileSystem;
  readonly #reserve: DiskReserve;
  readonly #logger: Logger;

  constructor(fileSystem: FileSystem, directory: string, reserve: DiskReserve, logger: Logger) {
    this.#fileSystem = fileSystem;
    this.#reserve = reserve;
    this.#logger = logger;

    const file = (kind: Kind): CheckpointFile<OffsetCheckpointEntry> =>
      offsetCheckpointFile(fileSystem, join(directory, FILE_NAMES[kind]));
    this.#files = {
      recoveryPoint: file('recoveryPoint'),
      logStartOffset: file('logStartOffset'),
      highWatermark: file('highWatermark'),
      compactedEndOffset: file('compactedEndOffset'),
      cleanedEndOffset: file('cleanedEndOffset'),
    };
  }

  /**
   * Reads all files. A damaged file counts as empty, which is safe: without recovery points
   * everything is scanned, without log starts deleted records may become visible again, without the
   * ends of compaction no gap counts as damage.
   * @returns whether all were undamaged
   */
  async read(): Promise<boolean> {
    let areWhole = true;
    const startsBytes = await this.#fileSystem.fileSize(this.#files.logStartOffset.path);
    this.#areLogStartsKnown = (startsBytes ?? 0) > 0;
    for (const kind of KINDS) {
      try {
        for (const { topicPartition, offset } of await this.#files[kind].read()) {
          const key = topicPartitionName(topicPartition);
          const offsets = { ...this.offsetsOf(topicPartition), [kind]: offset };
          this.#read.set(key, { topicPartition, offsets });
        }
      } catch (error) {
        if (!(error instanceof CorruptCheckpointError)) throw error;
        areWhole = false;
        if (kind === 'logStartOffset') this.#areLogStartsKnown = false;
        if (kind === 'compactedEndOffset') this.#compactedEndDefault = Number.MAX_SAFE_INTEGER;
        this.#logger.error({ err: error }, 'a checkpoint file is damaged and counts as empty');
      }
    }
    return areWhole;
  }

  /**
   * True when the file of log starts exists undamaged: a log that is not in it begins at offset 0.
   */
  get areLogStartsKnown(): boolean {
    return this.#areLogStartsKnown;
  }

  /**
   * Returns the offsets read for a partition; zeros, and no compacted end, when it is in no file.
   */
  offsetsOf(topicPartition: TopicPartition): CheckpointedOffsets {
    return (
      this.#read.get(topicPartitionName(topicPartition))?.offsets ?? {
        recoveryPoint: 0,
        logStartOffset: 0,
        highWatermark: 0,
        compactedEndOffset: this.#compactedEndDefault,
        cleanedEndOffset: 0,
      }
    );
  }

  /** Takes the partition's offsets from this log from now on. */
  add(log: Log): void {
    this.#logs.set(topicPartitionName(log.topicPartition), log);
  }

  /** Leaves the partition out of all files from the next write on. */
  remove(topicPartition: TopicPartition): void {
    this.#logs.delete(topicPartitionName(topicPartition));
    this.#read.delete(topicPartitionName(topicPartition));
  }

  /**
   * Works like `remove`, durable when it resolves: after a crash a log of the same name must not
   * inherit the offsets. Rejects with the storage error.
   */
  async forget(topicPartition: TopicPartition): Promise<void> {
    this.remove(topicPartition);
    const mayBeWritten = KINDS.some((kind) => {
      const written = this.#written.get(kind);
      return written?.some((entry) => isSame(entry.topicPartition, topicPartition)) ?? true;
    });
    if (mayBeWritten) await this.persistAll();
  }

  persistLogStartOffsets(): Promise<void> {
    return this.#write('logStartOffset');
  }

  async persistRecoveryPoints(): Promise<void> {
    // The recovery point is lowered after the high watermark: a crash in between must not leave a
    // high watermark above the log end.
    await this.#write('highWatermark');
    await this.#write('recoveryPoint');
  }

  persistCompactedEnds(): Promise<void> {
    return this.#write('compactedEndOffset');
  }

  persistCleanedEnds(): Promise<void> {
    return this.#write('cleanedEndOffset');
  }

  /** Writes every file whose content has changed. */
  async persistAll(): Promise<void> {
    for (const kind of this.#changedKinds()) await this.#write(kind);
  }

  /**
   * Compares all offsets with the files in one pass over the logs, which mostly finds no change. It
   * keeps no offsets: a file gets those of the moment at which it is written.
   */
  #changedKinds(): Kind[] {
    const compared = KINDS.map((kind) => {
      const written = this.#written.get(kind);
      return { kind, written: written ?? [], at: 0, isChanged: written === undefined };
    });
    for (const { topicPartition, offsets } of this.#current()) {
      for (const file of compared) {
        const offset = offsets[file.kind];
        if (!isListed(file.kind, offset)) continue;
        const entry = file.written[file.at];
        file.at += 1;
        if (entry?.offset === offset && isSame(entry.topicPartition, topicPartition)) continue;
        file.isChanged = true;
      }
    }
    return compared
      .filter(({ written, at, isChanged }) => isChanged || at !== written.length)
      .map(({ kind }) => kind);
  }

  async #write(kind: Kind): Promise<void> {
    const entries: OffsetCheckpointEntry[] = [];
    for (const { topicPartition, offsets } of this.#current()) {
      const offset = offsets[kind];
      if (!isListed(kind, offset)) continue;
      entries.push({ topicPartition, offset });
    }
    if (areSame(this.#written.get(kind), entries)) return;
    // Callers that come meanwhile must wait for a write of their own.
    this.#written.delete(kind);
    await this.#reserve.run(() => this.#files[kind].write(entries));
    this.#written.set(kind, entries);
  }

  *#current(): Iterable<{ topicPartition: TopicPartition; offsets: CheckpointedOffsets }> {
    for (const [key, entry] of this.#read) if (!this.#logs.has(key)) yield entry;
    for (const log of this.#logs.values()) {
      yield { topicPartition: log.topicPartition, offsets: offsetsToKeep(log, this) };
    }
  }
}

/** True if the file of the kind has a line for a log with this offset. */
function isListed(kind: Kind, offset: Offset | undefined): offset is Offset {
  return offset !== undefined && (offset !== 0 || kind === 'compactedEndOffset');
}

/** True for the same offsets of the same partitions in the same order. */
function areSame(
  written: readonly OffsetCheckpointEntry[] | undefined,
  entries: readonly OffsetCheckpointEntry[],
): boolean {
  if (written?.length !== entries.length) return false;
  return entries.every(({ topicPartition, offset }, index) => {
    const other = written[index] as OffsetCheckpointEntry;
    return offset === other.offset && isSame(topicPartition, other.topicPartition);
  });
}

function isSame(one: TopicPartition, other: TopicPartition): boolean {
  return one.topic === other.topic && one.partition === other.partition;
}

function offsetsToKeep(log: Log, checkpoints: LogCheckpoints): CheckpointedOffsets {
  const { recoveryPoint, logStart: logStartOffset, highWatermark } = log.offsets;
  return {
    recoveryPoint,
    logStartOffset,
    compactedEndOffset: log.recordedCompactedEnd,
    cleanedEndOffset: log.state.cleanedEnd,
    // A log that lost its end must be found short again at the next start.
    highWatermark: log.isWritable
      ? Math.min(highWatermark, recoveryPoint)
      : Math.max(
          Math.min(highWatermark, recoveryPoint),
          checkpoints.offsetsOf(log.topicPartition).highWatermark,
        ),
  };
}
