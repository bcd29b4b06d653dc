import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseTopicConfig, type TopicConfig, type TopicConfigOverrides } from '#protocol';
import {
  type Clock,
  type FileSystem,
  type Logger,
  NodeFileSystem,
  type Scheduler,
  silentLogger,
} from '#runtime';
import {
  FakeClock,
  FakeDisk,
  type FakeDiskOptions,
  FakeScheduler,
  SeededRandom,
} from '#runtime/testing';
import { LogManager } from '../data-dir/log-manager.js';
import type { LogManagerOptions } from '../data-dir/log-manager-options.js';
import type { AppendResult } from '../log/append-round.js';
import type { LogEndListener } from '../log/log-writer.js';
import { type LogObserver, silentLogObserver } from '../log/observer.js';
import type { Log } from '../log.js';
import type { DamagedRange } from '../record-batch/damage.js';
import type { BatchProducer, RecordBatch } from '../record-batch/record-batch.js';
import { readRecords } from './record-sets.js';
import { testBatch } from './test-batches.js';

export const TOPIC = { topic: 'orders', partition: 0 };
export const TOPIC_ID = 'a1b2c3d4-0000-4000-8000-000000000001';

/** Events of the logs that a test has seen. */
class SeenEvents implements LogObserver {
  readonly damagedRanges: DamagedRange[] = [];
  appendedRecords = 0;
  syncs = 0;
  cutBytes = 0;
  repairedBytes = 0;
  deletedSegments = 0;
  cleanedSegments = 0;
  failures: boolean[] = [];
  bytesFromDisk = 0;
  scrubbedBytes = 0;
  scrubPasses = 0;

  appended(records: number): void {
    this.appendedRecords += records;
  }

  synced(): void {
    this.syncs += 1;
  }

  storageFailed(_topicPartition: unknown, isOffline: boolean): void {
    this.failures.push(isOffline);
  }

  damaged(_topicPartition: unknown, range: DamagedRange): void {
    this.damagedRanges.push(range);
  }

  cut(_topicPartition: unknown, bytes: number): void {
    this.cutBytes += bytes;
  }

  repaired(_topicPartition: unknown, bytes: number): void {
    this.repairedBytes += bytes;
  }

  deleted(segments: number): void {
    this.deletedSegments += segments;
  }

  cleaned(segments: number): void {
    this.cleanedSegments += segments;
  }

  scrubbed(bytes: number): void {
    this.scrubbedBytes += bytes;
  }

  scrubPassEnded(): void {
    this.scrubPasses += 1;
  }

  readFromDisk(bytes: number): void {
    this.bytesFromDisk += bytes;
  }
}

/** Followers fetch from a log: its end is shown before its sync. */
export const FETCHED: LogEndListener = { isWanted: () => true, moved: () => undefined };

/** Names of the first segment's files. */
export const LOG_0 = '00000000000000000000.log';
export const INDEX_0 = '00000000000000000000.index';
export const TIME_INDEX_0 = '00000000000000000000.timeindex';

/** A data directory on the fake disk, with time that a test moves. */
export class FakeBroker {
  readonly disk: FakeDisk;
  readonly clock = new FakeClock();
  readonly scheduler = new FakeScheduler(this.clock);
  seen = new SeenEvents();
  logger: Logger = silentLogger;
  /** Called after every operation on the disk. */
  onOperation: (() => void) | undefined;

  constructor(options: FakeDiskOptions = {}) {
    const nowMs = (): number => this.clock.nowMs();
    this.disk = new FakeDisk({ nowMs, ...options, onOperation: () => this.onOperation?.() });
  }

  /** @param fileSystem in place of the disk as a process sees it */
  open(
    options: Partial<LogManagerOptions> = {},
    fileSystem: FileSystem = this.disk.mount(),
  ): Promise<LogManager> {
    this.seen = new SeenEvents();
    const { clock, scheduler, logger } = this;
    return openLogs('/data', { fileSystem, clock, scheduler, logger }, this.seen, options);
  }

  /** Path of a file of the test's partition. */
  path(name: string): string {
    return `/data/${TOPIC.topic}-${TOPIC.partition}/${name}`;
  }

  /** The test partition's files. */
  async names(): Promise<string[]> {
    const entries = await this.disk.readDirectory(`/data/${TOPIC.topic}-${TOPIC.partition}`);
    return entries.map(({ name }) => name).toSorted();
  }

  /**
   * Lets time pass until compaction has replaced at least so many segments. A fixed time is not
   * enough for compressed batches, because real threads unpack them.
   * @throws Error when it has not replaced them within a minute of real time
   */
  async waitForCompaction(segments: number): Promise<void> {
    const endMs = performance.now() + 60_000;
    while (this.seen.cleanedSegments < segments) {
      if (performance.now() > endMs) {
        throw new Error(`compaction replaced ${this.seen.cleanedSegments} of ${segments} segments`);
      }
      await this.scheduler.advance(5000);
    }
  }

  /** Power fails: bytes that were not synced are lost. */
  crash(): void {
    this.disk.crash();
  }
}

/** A data directory on the machine's disk. */
export class RealBroker {
  readonly dataDir = join(tmpdir(), `sluice-log-${randomUUID()}`);
  readonly clock = new FakeClock();
  readonly scheduler = new FakeScheduler(this.clock);
  readonly fileSystem = new NodeFileSystem();
  seen = new SeenEvents();

  open(options: Partial<LogManagerOptions> = {}): Promise<LogManager> {
    this.seen = new SeenEvents();
    return openLogs(this.dataDir, this, this.seen, options);
  }

  path(name: string): string {
    return join(this.dataDir, `${TOPIC.topic}-${TOPIC.partition}`, name);
  }

  remove(): Promise<void> {
    return this.fileSystem.removeDirectory(this.dataDir);
  }
}

export function openLogs(
  dataDir: string,
  ports: { fileSystem: FileSystem; clock: Clock; scheduler: Scheduler; logger?: Logger },
  observer: LogObserver = silentLogObserver,
  options: Partial<LogManagerOptions> = {},
): Promise<LogManager> {
  const defaults: LogManagerOptions = {
    dataDir,
    durability: 'fsync',
    syncsInFlightMax: 4,
    tailCacheBytes: 0,
    producerBatchesRemembered: 512,
    producerIdExpirationMs: 86_400_000,
    retentionCheckIntervalMs: 5000,
    compactionCheckIntervalMs: 5000,
    compactionBytesPerSecond: 2 ** 30,
  };
  return LogManager.open(
    { ...defaults, ...options },
    { logger: silentLogger, ...ports, random: new SeededRandom(1), observer },
  );
}

/**
 * Returns a config that retains records forever by default: the tests' timestamps are long past.
 */
export function topicConfig(overrides: TopicConfigOverrides = {}): TopicConfig {
  return parseTopicConfig({ 'retention.ms': '-1', ...overrides }, 1);
}

/** The test's log: made on first use, configured when it was found on disk. */
export async function testLog(
  manager: LogManager,
  overrides: TopicConfigOverrides = {},
): Promise<Log> {
  const config = topicConfig(overrides);
  const log = manager.log(TOPIC) ?? (await manager.createLog(TOPIC, TOPIC_ID, config));
  log.updateConfig(config);
  return log;
}

/** A batch of records without keys. */
export function valuesBatch(values: readonly string[], producer?: BatchProducer): Buffer {
  const records = values.map((value, i) => ({ key: null, value, timestamp: 1000 + i }));
  return testBatch(records, producer);
}

/** Appends one batch of these values and commits it, as a leader without followers does. */
export async function appendValues(log: Log, ...values: string[]): Promise<AppendResult> {
  const result = await log.writer.append([valuesBatch(values)], { leaderEpoch: 0 });
  log.updateHighWatermark(log.offsets.syncedEnd);
  return result;
}

/** Offsets and values of batches. */
export function recordsOf(batches: readonly RecordBatch[]): [number, string][] {
  return batches.flatMap((batch) =>
    readRecords(batch).map(({ offset, value }): [number, string] => [offset, String(value)]),
  );
}

/** Every record from `offset` to the log's end. */
export async function readAll(
  log: Log,
  offset = log.offsets.logStart as number,
): Promise<[number, string][]> {
  const records: [number, string][] = [];
  let next = offset;
  for (;;) {
    const batches = await log.reader.read(next, 4096, log.offsets.logEnd);
    const last = batches.at(-1);
    if (last === undefined) return records;
    records.push(...recordsOf(batches).filter(([start]) => start >= next));
    next = last.nextOffset;
  }
}

/** Size of the encoded batch of these values. */
export function batchBytes(...values: string[]): number {
  return valuesBatch(values).length;
}

/** A text of so many bytes, to fill segments with. */
export function filler(bytes: number): string {
  return 'x'.repeat(bytes);
}
