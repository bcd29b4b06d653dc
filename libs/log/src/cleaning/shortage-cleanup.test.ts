import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import type { TopicConfigOverrides, TopicPartition } from '#protocol';
import type { FaultCode, FaultPoint } from '#runtime/testing';
import type { LogManager } from '../data-dir/log-manager.js';
import type { Log } from '../log.js';
import { FakeBroker, filler, topicConfig } from '../testing/log-fixture.js';
import { readRecords } from '../testing/record-sets.js';
import { testBatch } from '../testing/test-batches.js';

const COMPACTED: TopicPartition = { topic: 'compacted', partition: 0 };
const SHORTENED: TopicPartition = { topic: 'shortened', partition: 0 };
const KEPT_BYTES = 3000;
const KEYS = 4;
const CONFIGS: readonly (readonly [TopicPartition, TopicConfigOverrides])[] = [
  [
    COMPACTED,
    {
      'segment.bytes': '1024',
      'cleanup.policy': 'compact',
      'min.cleanable.dirty.ratio': '0',
    },
  ],
  [SHORTENED, { 'segment.bytes': '1024', 'retention.bytes': String(KEPT_BYTES) }],
];
/** Syncs of log bytes are not among them: a sync that failed is never repeated. */
const POINTS: readonly FaultPoint[] = [
  'open',
  'readFile',
  'readDirectory',
  'rename',
  'removeFile',
  'fileSize',
  'syncDirectory',
  'read',
  'writev',
  'truncate',
  'close',
];
/** Histories: few by default, many in `npm run test:faults`, which take long. */
const HISTORIES = Number(process.env['SLUICE_HISTORIES'] ?? 25);
const TIMEOUT_MS = 120_000 + HISTORIES * 500;
const CODES: readonly FaultCode[] = ['EMFILE', 'ENFILE', 'ENOMEM', 'EINTR'];

const shortage = fc.record({
  point: fc.constantFrom(...POINTS),
  code: fc.constantFrom(...CODES),
  afterCalls: fc.nat(12),
  times: fc.integer({ min: 1, max: 4 }),
});
const step = fc.record({
  kind: fc.constantFrom('append', 'append', 'append', 'clean', 'delete', 'restart', 'crash'),
  key: fc.nat(KEYS - 1),
  shortage: fc.option(shortage),
});

it(
  'compaction and retention lose nothing to a shortage of descriptors, and catch up',
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 40 }), async (steps) => {
        const history = new CleanupHistory();
        await history.start();
        for (const one of steps) {
          if (one.shortage !== null) {
            const { point, code, ...when } = one.shortage;
            history.broker.disk.failNext(point, code, when);
          }
          await history.run(one.kind, one.key);
        }
        await history.check();
      }),
      { numRuns: HISTORIES },
    );
  },
  TIMEOUT_MS,
);

interface Written {
  readonly offset: number;
  readonly key: string;
  readonly value: string;
}

/** A compacted log and one that is kept short by its size, with records, starts and crashes. */
class CleanupHistory {
  readonly broker = new FakeBroker();
  readonly #written = new Map<TopicPartition, Written[]>();
  #deletedTo = 0;
  #manager: LogManager | undefined;

  async start(): Promise<void> {
    this.#manager = await this.#open();
    for (const [topicPartition, overrides] of CONFIGS) {
      this.#written.set(topicPartition, []);
      const { topic } = topicPartition;
      await this.#manager.createLog(topicPartition, `${topic}-id`, topicConfig(overrides));
    }
  }

  async run(kind: string, key: number): Promise<void> {
    if (kind === 'append') await this.#append(`k${key}`);
    else if (kind === 'clean') await this.broker.scheduler.advance(6000);
    else if (kind === 'delete') await this.#delete();
    else await this.#startAgain(kind === 'crash');
  }

  /** Everything that must be kept is there, before and after a crash, and cleaning goes on. */
  async check(): Promise<void> {
    this.broker.disk.clearFaults();
    for (let i = 0; i < 8; i += 1) await this.#append(`k${i % KEYS}`);
    await this.broker.scheduler.advance(30_000);
    for (const when of ['before a crash', 'after it']) {
      await this.#checkCompacted(when);
      await this.#checkShortened(when);
      for (const log of this.#logs()) {
        const { ranges, lostStart, lostBetween } = log.damage;
        expect([log.isWritable, ranges, lostStart, lostBetween], when).toEqual([
          true,
          [],
          undefined,
          [],
        ]);
      }
      await this.#startAgain(true);
    }
  }

  async #checkCompacted(when: string): Promise<void> {
    const written = this.#written.get(COMPACTED) ?? [];
    const latest = new Map(written.map((record) => [record.key, record]));
    const seen = await recordsIn(this.#log(COMPACTED));
    for (const record of latest.values()) expect(seen, when).toContainEqual(record);
    for (const record of seen) expect(written, when).toContainEqual(record);
    const closed = this.#log(COMPACTED).segments.at(-1)?.baseOffset ?? 0;
    // Compaction has caught up: among the closed segments there is one record of each key.
    const keys = seen.filter(({ offset }) => offset < closed).map(({ key }) => key);
    expect(keys.length, when).toBe(new Set(keys).size);
  }

  async #checkShortened(when: string): Promise<void> {
    const log = this.#log(SHORTENED);
    const written = this.#written.get(SHORTENED) ?? [];
    const kept = written.filter(({ offset }) => offset >= log.offsets.logStart);
    expect(await recordsIn(log), when).toEqual(kept);
    expect(log.sizeBytes, when).toBeLessThan(KEPT_BYTES + 1024);
    const hasDeletedMore = log.offsets.logStart > this.#deletedTo;
    if (hasDeletedMore) expect(log.sizeBytes, when).toBeGreaterThan(KEPT_BYTES - 1024);
  }

  async #append(key: string): Promise<void> {
    for (const [topicPartition, written] of this.#written) {
      const log = this.#log(topicPartition);
      const value = `${written.length} ${filler(400)}`;
      const batch = testBatch([{ key, value, timestamp: 1000 }]);
      try {
        const { baseOffset } = await this.#ran(log.writer.append([batch], { leaderEpoch: 0 }));
        written.push({ offset: baseOffset, key, value });
        log.updateHighWatermark(log.offsets.syncedEnd);
      } catch (error) {
        expect(error).toMatchObject({ code: 'KAFKA_STORAGE_ERROR', retriable: true });
        await this.broker.scheduler.advance(100);
      }
    }
  }

  async #delete(): Promise<void> {
    const log = this.#log(SHORTENED);
    const to = Math.min(log.offsets.logStart + 1, log.offsets.highWatermark);
    try {
      await this.#ran(log.trimmer.deleteRecordsBefore(to));
      this.#deletedTo = Math.max(this.#deletedTo, to);
    } catch (error) {
      expect(error).toMatchObject({ code: 'KAFKA_STORAGE_ERROR', retriable: true });
    }
  }

  /** A start has no shortage: what it does under one is the subject of shortage.test.ts. */
  async #startAgain(isCrash: boolean): Promise<void> {
    if (!isCrash) {
      await this.#ran(this.#manager?.close() ?? Promise.resolve());
    }
    this.broker.crash();
    this.broker.disk.clearFaults();
    this.#manager = await this.#open();
    for (const [topicPartition, overrides] of CONFIGS) {
      const log = this.#log(topicPartition);
      log.updateConfig(topicConfig(overrides));
      log.updateHighWatermark(log.offsets.syncedEnd);
    }
  }

  /** Runs the clock of the test until a call has ended: it may wait for the end of a shortage. */
  async #ran<T>(call: Promise<T>): Promise<T> {
    const run = { isOver: false };
    const end = (): void => {
      run.isOver = true;
    };
    call.then(end, end);
    const { scheduler } = this.broker;
    await scheduler.settle();
    while (!run.isOver) await scheduler.advance(100);
    return call;
  }

  #open(): Promise<LogManager> {
    return this.broker.open({ openFilesMax: 2, compactionBytesPerSecond: 1e12 });
  }

  #logs(): Log[] {
    return CONFIGS.map(([topicPartition]) => this.#log(topicPartition));
  }

  #log(topicPartition: TopicPartition): Log {
    const log = this.#manager?.log(topicPartition);
    if (log === undefined) throw new Error(`${topicPartition.topic} is not open`);
    return log;
  }
}

async function recordsIn(log: Log): Promise<Written[]> {
  const records: Written[] = [];
  for (let next: number = log.offsets.logStart; next < log.offsets.logEnd; ) {
    const batches = await log.reader.read(next, 2 ** 20, log.offsets.logEnd);
    for (const batch of batches) {
      for (const { offset, key, value } of readRecords(batch)) {
        if (offset >= next) records.push({ offset, key: String(key), value: String(value) });
      }
    }
    next = batches.at(-1)?.nextOffset ?? log.offsets.logEnd;
  }
  return records;
}
