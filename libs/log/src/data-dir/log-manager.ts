import { basename, join } from 'node:path';
import {
  ProtocolError,
  type TopicConfig,
  type TopicPartition,
  topicPartitionName,
} from '#protocol';
import {
  assert,
  type DiskReserve,
  type ExpiryClock,
  type Random,
  retryDuringShortage,
} from '#runtime';
import { RepeatedTask } from '../background/repeated-task.js';
import { LogCleaner } from '../cleaning/cleaner.js';
import type { HashKey } from '../cleaning/offset-map.js';
import { applyRetention } from '../cleaning/retention.js';
import type { BatchUnpacker } from '../compression/compression.js';
import type { QuarantineStatus } from '../log/quarantine.js';
import { failedWriteError } from '../log/storage-error.js';
import type { Log } from '../log.js';
import type { ProducerMemory } from '../producer-state/producer-memory.js';
import { LogScrubber } from '../recovery/scrubber.js';
import {
  DELETED_DIRECTORY_SUFFIX,
  formerDirectoryName,
  STRAY_DIRECTORY_SUFFIX,
} from '../segment/segment-names.js';
import { DataDir } from './data-dir.js';
import type { LogManagerOptions, LogManagerPorts } from './log-manager-options.js';
import { type ManagerParts, openManagerParts } from './log-manager-parts.js';
import { claimTopicId, parsePartitionDirectory } from './partition-directory.js';
import { readTopicId, writeTopicId } from './partition-metadata.js';

/**
 * Interval of checkpoints: a recovery point is on disk this long, plus one write, after its sync.
 */
const CHECKPOINT_INTERVAL_MS = 500;
const RESERVE_CHECK_INTERVAL_MS = 1000;
const MAINTENANCE_INTERVAL_MS = 5000;
const INDEX_UNLOAD_INTERVAL_MS = 60_000;
const LOADED_AT_ONCE = 16;
const DEFAULT_CLEANUP_CHECK_INTERVAL_MS = 5000;
const DEFAULT_COMPACTION_BYTES_PER_SECOND = 32 * 1024 * 1024;
const LAST_SEEN_TIME_INTERVAL_MS = 60_000;
const DEFAULT_COMPACTION_MAP_BYTES = 32 * 1024 * 1024;
const DEFAULT_SCRUB_BYTES_PER_SECOND = 8 * 1024 * 1024;
const DEFAULT_SCRUB_INTERVAL_MS = 24 * 60 * 60_000;
const SCRUB_FIRST_AFTER_MS = 60_000;
const SCRUB_CHECK_INTERVAL_MS = 10_000;
/** Longest time in ms that compaction or the scrub may occupy the event loop. */
const COMPACTION_SLICE_MS_MAX = 2;

/**
 * All logs of a broker in one data directory, which has the files of Kafka's, and their background
 * work: checkpoints of offsets, rolls by time, retention, compaction.
 *
 * Overlap: `createLog` and `deleteLog` of one partition must not overlap; all other calls may.
 * `close` is called once.
 */
export class LogManager {
  /** Open logs by name, `topic-0`. */
  readonly #logs = new Map<string, Log>();
  /** Errors of partitions that are on disk and could not be opened, by name. */
  readonly #unopened = new Map<string, unknown>();
  /** Names of deleted partitions whose directories could not be renamed yet. */
  readonly #undeleted = new Set<string>();
  /** Topic ids of the stray logs by directory name; undefined where unknown. */
  readonly #strays = new Map<string, string | undefined>();
  readonly #tasks: RepeatedTask[] = [];
  readonly #cleaner: LogCleaner;
  readonly #scrubber: LogScrubber;
  #isClosed = false;
  #hasWarnedOfPartitions = false;
  readonly #options: LogManagerOptions;
  readonly #ports: LogManagerPorts;
  readonly #dataDir: DataDir;
  readonly #parts: ManagerParts;

  private constructor(
    options: LogManagerOptions,
    ports: LogManagerPorts,
    dataDir: DataDir,
    parts: ManagerParts,
  ) {
    this.#options = options;
    this.#ports = ports;
    this.#dataDir = dataDir;
    this.#parts = parts;

    const { random } = ports;
    this.#cleaner = new LogCleaner(parts.environment, () => this.logs(), {
      bytesPerSecond: options.compactionBytesPerSecond ?? DEFAULT_COMPACTION_BYTES_PER_SECOND,
      sliceMsMax: COMPACTION_SLICE_MS_MAX,
      mapBytesMax: options.compactionMapBytes ?? DEFAULT_COMPACTION_MAP_BYTES,
      hashKey: randomHashKey(random),
    });
    this.#scrubber = new LogScrubber(parts.environment, () => this.logs(), {
      bytesPerSecond: options.scrubBytesPerSecond ?? DEFAULT_SCRUB_BYTES_PER_SECOND,
      intervalMs: options.scrubIntervalMs ?? DEFAULT_SCRUB_INTERVAL_MS,
      firstAfterMs: SCRUB_FIRST_AFTER_MS,
      sliceMsMax: COMPACTION_SLICE_MS_MAX,
    });
  }

  /**
   * Locks the data directory, opens every log in it and begins the background work. A log that
   * cannot be opened is skipped and reported (`unopenedLogs`). Logs found on disk have default
   * configs, and nothing of them is deleted, until `Log.updateConfig`.
   * @throws DataDirLockedError; storage errors of the directory itself
   */
  static async open(options: LogManagerOptions, ports: LogManagerPorts): Promise<LogManager> {
    const dataDir = await DataDir.open(ports.fileSystem, options.dataDir);
    try {
      const parts = await openManagerParts(options, ports, await dataDir.lastSeenMs());
      const { checkpoints } = parts;
      const { reserve } = parts.environment;
      const areCheckpointsWhole = await checkpoints.read();
      const manager = new LogManager(options, ports, dataDir, parts);
      await manager.#loadAll(dataDir.wasClosedCleanly && areCheckpointsWhole);
      await checkpoints.persistAll();
      await reserve.run(() => dataDir.markLogStartsRecorded());
      manager.#startTasks();
      return manager;
    } catch (error) {
      await dataDir.release();
      throw error;
    }
  }

  log(topicPartition: TopicPartition): Log | undefined {
    return this.#logs.get(topicPartitionName(topicPartition));
  }

  logs(): Iterable<Log> {
    return this.#logs.values();
  }

  /** True when the last process stopped cleanly, so that no written record can be missing. */
  get wasClosedCleanly(): boolean {
    return this.#dataDir.wasClosedCleanly;
  }

  /** Names (`topic-0`) of partitions that could not be opened, with the reason. */
  get unopenedLogs(): ReadonlyMap<string, unknown> {
    return this.#unopened;
  }

  /** Unpacks the batches of all logs. */
  get unpacker(): BatchUnpacker {
    return this.#parts.environment.unpacker;
  }

  /** Disk space reserved for metadata that must be recorded on a full disk. */
  get reserve(): DiskReserve {
    return this.#parts.environment.reserve;
  }

  /** Accounts for the memory of idempotent producers. */
  get producerMemory(): ProducerMemory {
    return this.#parts.producerMemory;
  }

  /** Segments of all logs at the last count. */
  get segmentCount(): number {
    return this.#parts.environment.segmentBudget.status.segments;
  }

  /** Files quarantined on disk. */
  get quarantine(): QuarantineStatus {
    return this.#parts.environment.quarantine.status;
  }

  /** The clock by which records, tombstones and producers expire. */
  get expiryClock(): ExpiryClock {
    return this.#parts.expiryClock;
  }

  /** Number of open segment files. */
  get openFileCount(): number {
    return this.#parts.environment.files.openCount;
  }

  /** Bytes in the tail cache. */
  get tailCacheBytes(): number {
    return this.#parts.tailCache.bytes;
  }

  /**
   * Creates an empty log; durable when it resolves.
   * @throws ProtocolError TOPIC_ALREADY_EXISTS; KAFKA_STORAGE_ERROR
   */
  async createLog(
    topicPartition: TopicPartition,
    topicId: string,
    config: TopicConfig,
  ): Promise<Log> {
    const name = topicPartitionName(topicPartition);
    assert(!this.#isClosed, `${name} is created after the logs were closed`);
    if (this.#logs.has(name) || this.#unopened.has(name)) {
      throw new ProtocolError('TOPIC_ALREADY_EXISTS', `There is a log of ${name} already.`);
    }
    const { fileSystem } = this.#ports;
    const directory = join(this.#options.dataDir, name);
    try {
      await this.#parts.checkpoints.forget(topicPartition);
      if (this.#undeleted.has(name)) await this.#deleteDirectory(name, directory);
      await fileSystem.makeDirectory(directory);
      await writeTopicId(fileSystem, directory, topicId);
      await fileSystem.syncDirectory(this.#options.dataDir);
      const log = await this.#parts.loader.load({
        topicPartition,
        topicId,
        directory,
        config,
        isClean: true,
        isLogStartKnown: true,
        ...this.#parts.checkpoints.offsetsOf(topicPartition),
      });
      this.#add(log);
      return log;
    } catch (error) {
      throw error instanceof ProtocolError ? error : failedWriteError(error);
    }
  }

  /**
   * Deletes a log. The deletion is durable when it resolves; its files are removed once they have
   * no readers. Does nothing when there is no such log.
   */
  async deleteLog(topicPartition: TopicPartition): Promise<void> {
    const name = topicPartitionName(topicPartition);
    const log = this.#logs.get(name);
    if (log === undefined) return;
    this.#logs.delete(name);
    // Until the directory is renamed a new log of this name must not adopt its records.
    this.#undeleted.add(name);
    await log.abandon();
    this.#parts.checkpoints.remove(topicPartition);
    this.#ports.observer.deleted(log.segments.length, log.sizeBytes);
    await this.#deleteDirectory(name, log.directory);
    this.#parts.environment.quarantine.remove(log.directory);
  }

  /** Directories of stray logs, with the ids of their topics where known. */
  get strayLogs(): ReadonlyMap<string, string | undefined> {
    return this.#strays;
  }

  /**
   * Closes a log that this broker should not have and renames its directory with the suffix
   * `-stray`, which nothing reads; durable when it resolves. Does nothing when there is no such
   * log.
   */
  async setAside(topicPartition: TopicPartition): Promise<void> {
    const name = topicPartitionName(topicPartition);
    const log = this.#logs.get(name);
    if (log === undefined) return;
    this.#logs.delete(name);
    const { fileSystem, random, logger } = this.#ports;
    const stray = formerDirectoryName(name, random.uuid(), STRAY_DIRECTORY_SUFFIX);
    try {
      await log.close();
      await fileSystem.rename(log.directory, join(this.#options.dataDir, stray));
    } catch (error) {
      // Until the directory is renamed no log of that name can be created.
      this.#unopened.set(name, error);
      throw error;
    }
    this.#parts.checkpoints.remove(topicPartition);
    this.#strays.set(stray, log.topicId);
    const { quarantine } = this.#parts.environment;
    quarantine.remove(log.directory);
    await quarantine.addFiles(fileSystem, join(this.#options.dataDir, stray));
    await fileSystem.syncDirectory(this.#options.dataDir);
    logger.warn(
      { ...topicPartition, directory: stray },
      'a log that is not kept here was quarantined',
    );
  }

  /** Removes the stray logs of a deleted topic. */
  async removeStrays(topicId: string): Promise<void> {
    for (const [directory, strayTopic] of this.#strays) {
      if (strayTopic !== topicId) continue;
      const path = join(this.#options.dataDir, directory);
      await this.#ports.fileSystem.removeDirectory(path);
      this.#parts.environment.quarantine.remove(path);
      this.#strays.delete(directory);
    }
  }

  /**
   * Closes all logs cleanly, in Kafka's order: logs flushed and closed, recovery points, log
   * starts, the mark of a clean stop. The mark is omitted when a log is damaged or the disk rejects
   * it: acknowledged records are on disk even so. Call it once.
   */
  async close(): Promise<void> {
    assert(!this.#isClosed, 'the logs are closed once');
    this.#isClosed = true;
    this.#cleaner.stop();
    this.#scrubber.stop();
    for (const task of this.#tasks) await task.stop();
    let areAllClean = this.#unopened.size === 0;
    const closeNext = eachOf(this.#logs.values(), async (log) => {
      try {
        await log.close();
      } catch (error) {
        areAllClean = false;
        this.#ports.logger.error({ err: error, ...log.topicPartition }, 'a log was not closed');
      }
      areAllClean &&= log.isWritable;
    });
    await Promise.all(Array.from({ length: LOADED_AT_ONCE }, closeNext));
    try {
      await this.#keepTime();
      await this.#parts.checkpoints.persistAll();
      if (areAllClean) await this.#dataDir.markClean();
    } catch (error) {
      this.#ports.logger.error(
        { err: error },
        'the stop is not marked clean: the next start recovers',
      );
    } finally {
      await this.#dataDir.release();
    }
  }

  /** A failure to store the time only makes the next start more cautious. */
  async #keepTime(): Promise<void> {
    try {
      await this.#dataDir.keepTime(this.expiryClock.nowMs());
    } catch (error) {
      this.#ports.logger.debug({ err: error }, 'the time of the data directory could not be kept');
    }
  }

  async #deleteDirectory(name: string, directory: string): Promise<void> {
    const { fileSystem, random } = this.#ports;
    const formerName = formerDirectoryName(name, random.uuid(), DELETED_DIRECTORY_SUFFIX);
    const deletedPath = join(this.#options.dataDir, formerName);
    await fileSystem.rename(directory, deletedPath);
    this.#undeleted.delete(name);
    const { scheduler } = this.#ports;
    await retryDuringShortage(scheduler, () => fileSystem.syncDirectory(this.#options.dataDir));
    await retryDuringShortage(scheduler, () => fileSystem.removeDirectory(deletedPath));
  }

  async #loadAll(isClean: boolean): Promise<void> {
    const { fileSystem, logger } = this.#ports;
    const directories: string[] = [];
    for (const { name, isDirectory } of await fileSystem.readDirectory(this.#options.dataDir)) {
      if (!isDirectory) continue;
      const path = join(this.#options.dataDir, name);
      if (name.endsWith(DELETED_DIRECTORY_SUFFIX)) await fileSystem.removeDirectory(path);
      else if (name.endsWith(STRAY_DIRECTORY_SUFFIX)) {
        this.#strays.set(name, await readTopicId(fileSystem, path));
        await this.#parts.environment.quarantine.addFiles(fileSystem, path);
      } else directories.push(path);
    }
    const loadNext = eachOf(directories.values(), (path) => this.#loadOne(path, isClean));
    await Promise.all(Array.from({ length: LOADED_AT_ONCE }, loadNext));
    let segments = 0;
    for (const log of this.logs()) segments += log.segments.length;
    this.#parts.environment.segmentBudget.counted(segments);
    logger.info({ logs: this.#logs.size, isClean }, 'logs opened');
    const { bytes } = this.quarantine;
    if (bytes > 0) {
      logger.warn(
        { bytes },
        'bytes that were cut from logs or quarantined are still on disk: remove *.log.cut-* files and ' +
          '*-stray directories of the data directory when they are no longer needed',
      );
    }
  }

  async #loadOne(directory: string, isClean: boolean): Promise<void> {
    const topicPartition = parsePartitionDirectory(basename(directory));
    if (topicPartition === undefined) return;
    const { logger, observer } = this.#ports;
    const { checkpoints } = this.#parts;
    const topicIdOf = (path: string): Promise<string | undefined> =>
      claimTopicId(path, { ...this.#ports, reserve: this.reserve });
    try {
      const topicId = await retryDuringShortage(this.#ports.scheduler, () => topicIdOf(directory));
      if (topicId === undefined) return;
      const description = {
        topicPartition,
        topicId,
        directory,
        config: undefined,
        isClean,
        isLogStartKnown: this.#dataDir.areLogStartsRecorded && checkpoints.areLogStartsKnown,
        ...checkpoints.offsetsOf(topicPartition),
      };
      const { loader } = this.#parts;
      this.#add(await retryDuringShortage(this.#ports.scheduler, () => loader.load(description)));
    } catch (error) {
      this.#unopened.set(basename(directory), error);
      logger.error({ err: error, ...topicPartition }, 'a log could not be opened');
      observer.storageFailed(topicPartition, true);
    }
  }

  #add(log: Log): void {
    this.#logs.set(topicPartitionName(log.topicPartition), log);
    this.#parts.checkpoints.add(log);
    this.#warnOfManyPartitions();
  }

  /**
   * Each written partition keeps its newest segment open: with fewer descriptors files are closed
   * and reopened.
   */
  #warnOfManyPartitions(): void {
    const { openFilesMax } = this.#parts.environment.files;
    const partitions = this.#logs.size;
    if (this.#hasWarnedOfPartitions || partitions <= openFilesMax) return;
    this.#hasWarnedOfPartitions = true;
    this.#ports.logger.warn(
      { partitions, openFilesMax },
      'there are more partitions than segment files may stay open: writes open their files again, and ' +
        'are refused when no descriptor is free. Raise the limit of open files (ulimit -n)',
    );
  }

  async #applyRetention(): Promise<void> {
    const { logger } = this.#ports;
    const { expiryClock } = this.#parts;
    for (const log of this.logs()) {
      const isDue = log.isConfigured && log.isWritable && log.role === 'leader';
      if (!isDue || this.#isClosed) continue;
      try {
        await applyRetention(log, expiryClock.nowMs(), this.unpacker);
      } catch (error) {
        logger.warn({ err: error, ...log.topicPartition }, 'retention failed: tried again later');
      }
    }
  }

  #startTasks(): void {
    const { scheduler, logger } = this.#ports;
    const repeat = (name: string, intervalMs: number, run: () => Promise<void>): void => {
      this.#tasks.push(new RepeatedTask(scheduler, logger, { name, intervalMs, run }));
    };
    repeat('disk-reserve', RESERVE_CHECK_INTERVAL_MS, () => this.reserve.refill());
    repeat('checkpoints', CHECKPOINT_INTERVAL_MS, () => {
      this.expiryClock.check();
      return this.#parts.checkpoints.persistAll();
    });
    repeat('last-seen-time', LAST_SEEN_TIME_INTERVAL_MS, () => this.#keepTime());
    repeat('maintenance', MAINTENANCE_INTERVAL_MS, async () => {
      let segments = 0;
      for (const log of this.logs()) {
        segments += log.segments.length;
        await log.maintain();
      }
      this.#parts.environment.segmentBudget.counted(segments);
    });
    const { retentionCheckIntervalMs, compactionCheckIntervalMs } = this.#options;
    repeat('retention', retentionCheckIntervalMs ?? DEFAULT_CLEANUP_CHECK_INTERVAL_MS, () => {
      return this.#applyRetention();
    });
    repeat('compaction', compactionCheckIntervalMs ?? DEFAULT_CLEANUP_CHECK_INTERVAL_MS, () => {
      return this.#cleaner.compactAll();
    });
    repeat('scrub', SCRUB_CHECK_INTERVAL_MS, () => this.#scrubber.runIfDue());
    repeat('index-unload', INDEX_UNLOAD_INTERVAL_MS, () => {
      for (const log of this.logs()) log.unloadIdleIndexes();
      return Promise.resolve();
    });
  }
}

/** Returns 128 bits that no client can know. */
function randomHashKey(random: Random): HashKey {
  const word = (): number => random.below(2 ** 32);
  return [word(), word(), word(), word()];
}

/**
 * A worker that takes items of a shared iterator one after the other; run as many as may overlap.
 */
function eachOf<T>(
  items: IterableIterator<T>,
  handle: (item: T) => Promise<void>,
): () => Promise<void> {
  return async () => {
    for (const item of items) await handle(item);
  };
}
