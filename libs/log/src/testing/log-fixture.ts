import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseTopicConfig, type TopicConfig, type TopicConfigOverrides } from '#protocol';
import {
  type Clock,
  type FileSystem,
  NodeFileSystem,
  type Scheduler,
  silentLogger,
} from '#runtime';
import { FakeClock, FakeDisk, FakeScheduler, SeededRandom } from '#runtime/testing';
import type { AppendResult } from '../append-round.js';
import type { DamagedRange } from '../damage.js';
import type { Log } from '../log.js';
import { LogManager, type LogManagerOptions } from '../log-manager.js';
import { type LogObserver, silentLogObserver } from '../observer.js';
import type { RecordBatch } from '../record-batch.js';
import type { BatchProducer } from '../record-batch-encoder.js';
import { readRecords } from './record-sets.js';
import { testBatch } from './test-batches.js';

export const TOPIC = { topic: 'orders', partition: 0 };
export const TOPIC_ID = 'a1b2c3d4-0000-4000-8000-000000000001';

/** What a test saw of the logs. */
export class SeenEvents implements LogObserver {
  readonly damagedRanges: DamagedRange[] = [];
  appendedRecords = 0;
  syncs = 0;
  cutBytes = 0;
  deletedSegments = 0;
  cleanedSegments = 0;
  failures: boolean[] = [];
  bytesFromDisk = 0;

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

  deleted(segments: number): void {
    this.deletedSegments += segments;
  }

  cleaned(segments: number): void {
    this.cleanedSegments += segments;
  }

  readFromDisk(bytes: number): void {
    this.bytesFromDisk += bytes;
  }
}

/** A data directory on the fake disk, with time that a test moves. */
export class FakeBroker {
  readonly disk: FakeDisk;
  readonly clock = new FakeClock();
  readonly scheduler = new FakeScheduler(this.clock);
  seen = new SeenEvents();

  constructor(disk = new FakeDisk()) {
    this.disk = disk;
  }

  async open(options: Partial<LogManagerOptions> = {}): Promise<LogManager> {
    this.seen = new SeenEvents();
    const ports = { fileSystem: this.disk.mount(), clock: this.clock, scheduler: this.scheduler };
    return openLogs('/data', ports, this.seen, options);
  }

  /** Path of a file of the test's partition. */
  path(name: string): string {
    return `/data/${TOPIC.topic}-${TOPIC.partition}/${name}`;
  }

  async names(): Promise<string[]> {
    const entries = await this.disk.readDirectory(this.path('.'));
    return entries.map(({ name }) => name).toSorted();
  }

  /** Power fails: what was not synced is gone. */
  crash(): void {
    this.disk.crash();
  }
}

/** A data directory on the machine's disk. */
export class RealBroker {
  readonly dataDir = mkdtempSync(join(tmpdir(), 'sluice-log-'));
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

  remove(): void {
    rmSync(this.dataDir, { recursive: true, force: true });
  }
}

export function openLogs(
  dataDir: string,
  ports: { fileSystem: FileSystem; clock: Clock; scheduler: Scheduler },
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
  };
  return LogManager.open(
    { ...defaults, ...options },
    { ...ports, random: new SeededRandom(1), logger: silentLogger, observer },
  );
}

export function topicConfig(overrides: TopicConfigOverrides = {}): TopicConfig {
  return parseTopicConfig(overrides, 1);
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
  const result = await log.append([valuesBatch(values)], { leaderEpoch: 0 });
  log.updateHighWatermark(log.syncedEndOffset);
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
  offset = log.logStartOffset as number,
): Promise<[number, string][]> {
  const records: [number, string][] = [];
  let next = offset;
  for (;;) {
    const batches = await log.read(next, 4096, log.logEndOffset);
    const last = batches.at(-1);
    if (last === undefined) return records;
    records.push(...recordsOf(batches).filter(([at]) => at >= next));
    next = last.nextOffset;
  }
}
