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

/** The offsets of one log that are kept in files of the data directory. */
export interface CheckpointedOffsets {
  readonly recoveryPoint: Offset;
  readonly logStartOffset: Offset;
  readonly highWatermark: Offset;
  /**
   * Below it compaction may have left gaps. Undefined for a log that is not listed: it was empty
   * when the broker stopped, or the broker did not write what is there now.
   */
  readonly compactedEndOffset: Offset | undefined;
  /** First offset that compaction has not looked at. */
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
 * The offset checkpoints of a data directory, one file a kind with a line for each log.
 *
 * The high watermark is written no higher than the recovery point: with `os` durability what is
 * above may be gone after a power loss without anything being wrong. Logs that could not be opened
 * keep the offsets that were read for them.
 */
export class LogCheckpoints implements CheckpointSink {
  readonly #files: Record<Kind, CheckpointFile<OffsetCheckpointEntry>>;
  /** As read at the start, by partition; dropped when the log is opened anew or deleted. */
  readonly #read = new Map<
    string,
    { topicPartition: TopicPartition; offsets: CheckpointedOffsets }
  >();
  readonly #logs = new Map<string, Log>();
  /** Whether a log that is in no file of log starts begins at offset 0 for certain. */
  #areLogStartsKnown = true;
  /** For logs that are not listed; when the file was damaged any of them may have gaps. */
  #compactedEndDefault: Offset | undefined;
  /** The text of what each file has, to write only what changed. */
  readonly #written = new Map<Kind, string>();
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
   * Reads all files. One that is damaged counts as empty, which is safe: without recovery points
   * everything is walked, without log starts deleted records may be seen again, without the ends of
   * compaction no gap counts as damage.
   * @returns whether all were whole
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
   * Whether the file of log starts was there and whole: a log that is not in it begins at offset 0.
   */
  get areLogStartsKnown(): boolean {
    return this.#areLogStartsKnown;
  }

  /** The offsets read for a partition; zeros, and no compacted end, when it is in no file. */
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

  /** From now on the partition's offsets are those of this log. */
  add(log: Log): void {
    this.#logs.set(topicPartitionName(log.topicPartition), log);
  }

  /** The partition is in no file any more after the next write. */
  remove(topicPartition: TopicPartition): void {
    this.#logs.delete(topicPartitionName(topicPartition));
    this.#read.delete(topicPartitionName(topicPartition));
  }

  /**
   * As `remove`, durable when it resolves: a log of the same name must not be taken for the earlier
   * one after a crash. Rejects with the storage error.
   */
  async forget(topicPartition: TopicPartition): Promise<void> {
    this.remove(topicPartition);
    const line = `${topicPartitionName(topicPartition)} `;
    const mayBeWritten = KINDS.some((kind) => {
      const text = this.#written.get(kind);
      return text === undefined || text.startsWith(line) || text.includes(`\n${line}`);
    });
    if (mayBeWritten) await this.persistAll();
  }

  persistLogStartOffsets(): Promise<void> {
    return this.#write('logStartOffset');
  }

  async persistRecoveryPoints(): Promise<void> {
    // The lower bound first: a crash in between must not leave a high watermark above the log end.
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
    for (const kind of KINDS) await this.#write(kind);
  }

  async #write(kind: Kind): Promise<void> {
    const entries: OffsetCheckpointEntry[] = [];
    let text = '';
    for (const { topicPartition, offsets } of this.#current()) {
      const offset = offsets[kind];
      if (offset === undefined || (offset === 0 && kind !== 'compactedEndOffset')) continue;
      entries.push({ topicPartition, offset });
      text += `${topicPartitionName(topicPartition)} ${offset}\n`;
    }
    if (this.#written.get(kind) === text) return;
    // Whoever calls meanwhile must wait for a write of its own.
    this.#written.delete(kind);
    await this.#reserve.run(() => this.#files[kind].write(entries));
    this.#written.set(kind, text);
  }

  *#current(): Iterable<{ topicPartition: TopicPartition; offsets: CheckpointedOffsets }> {
    for (const [key, entry] of this.#read) if (!this.#logs.has(key)) yield entry;
    for (const log of this.#logs.values()) {
      yield { topicPartition: log.topicPartition, offsets: offsetsToKeep(log, this) };
    }
  }
}

function offsetsToKeep(log: Log, checkpoints: LogCheckpoints): CheckpointedOffsets {
  const { recoveryPoint, logStartOffset, highWatermark } = log;
  return {
    recoveryPoint,
    logStartOffset,
    compactedEndOffset: log.recordedCompactedEnd,
    cleanedEndOffset: log.cleanedEndOffset,
    // A log that lost its end must be found short again at the next start.
    highWatermark: log.isWritable
      ? Math.min(highWatermark, recoveryPoint)
      : Math.max(
          Math.min(highWatermark, recoveryPoint),
          checkpoints.offsetsOf(log.topicPartition).highWatermark,
        ),
  };
}
