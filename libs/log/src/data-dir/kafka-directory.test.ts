import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { TopicConfigOverrides } from '#protocol';
import type { Log } from '../log.js';
import type { RecordBatch } from '../record-batch/record-batch.js';
import { segmentFileName } from '../segment/segment-names.js';
import {
  type DirectoryFiles,
  fixtureFiles,
  fixturePath,
  placeFixture,
  writeGoldenDirectory,
} from '../testing/golden-directory.js';
import { FakeBroker, LOG_0, readAll, recordsOf, testLog } from '../testing/log-fixture.js';
import {
  controlBatch,
  testBatch,
  transactionalBatch,
  unreadableBatch,
} from '../testing/test-batches.js';

const GOLDEN = 'sluice/orders-0';

describe('a partition directory in the form of Kafka', () => {
  it('is written byte for byte as Kafka 4 was seen to accept it', async () => {
    const written = await writeGoldenDirectory();
    // Before changed bytes are kept, `npm run test:interop` must accept them.
    if (process.env['WRITE_GOLDEN'] === 'true') replaceGolden(written);
    const golden = await fixtureFiles(GOLDEN);
    expect([...written.keys()]).toEqual([...golden.keys()]);
    for (const [name, content] of golden) {
      expect(written.get(name)?.equals(content), name).toBe(true);
    }
  });

  const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

  it.each(CODECS)('reads what Kafka wrote with the codec %s', async (codec) => {
    const { log } = await logFrom(`kafka/codec-${codec}-0`);
    expect(await readAll(log)).toEqual(kafkaRecords(codec));
  });

  it.each(CODECS)('finds records by their time in batches of %s', async (codec) => {
    const { log } = await logFrom(`kafka/codec-${codec}-0`);
    const last = kafkaRecords(codec).length - 1;
    for (const offset of [0, 1, last]) {
      const found = await log.reader.offsetForTimestamp(KAFKA_TIME_MS + offset, log.offsets.logEnd);
      expect(found).toMatchObject({ offset, timestamp: KAFKA_TIME_MS + offset });
    }
    expect(
      await log.reader.offsetForTimestamp(KAFKA_TIME_MS + 100, log.offsets.logEnd),
    ).toBeUndefined();
  });

  it.each(CODECS)('compacts batches of %s without changing what stays', async (codec) => {
    const { broker, log } = await logFrom(`kafka/codec-${codec}-0`, COMPACTED);
    const later = { key: 'k1', value: 'later', timestamp: KAFKA_TIME_MS + 200 };
    await append(log, testBatch([later]));
    await log.roll();
    await append(log, testBatch([{ ...later, key: 'other' }]));
    await compacted(broker, 1);
    const records = kafkaRecords(codec);
    const end = records.length;
    const kept = records.filter(([offset]) => offset !== 1);
    expect(await readAll(log)).toEqual([...kept, [end, 'later'], [end + 1, 'later']]);
  });

  it.each(CODECS)('copies batches of %s to a follower byte for byte', async (codec) => {
    const { log } = await logFrom(`kafka/codec-${codec}-0`);
    const batches = await log.reader.read(0, 2 ** 30, log.offsets.logEnd);
    const bytes = Buffer.concat(batches.map((batch) => batch.bytes));
    const broker = new FakeBroker();
    const copy = await testLog(await broker.open());
    await copy.leadership.stopLeading();
    const election = { epoch: 5, electionId: 'fifth' };
    await copy.leadership.tryAccept(election);
    const leader = { election, compactedEndOffset: 0, elections: [] };
    await copy.copies.append([Buffer.from(bytes)], leader);
    expect(await broker.disk.readFile(broker.path(LOG_0))).toEqual(bytes);
    expect(await readAll(copy)).toEqual(kafkaRecords(codec));
  });
});

describe('a log with the transactions of Kafka', () => {
  it('shows committed records and what was written without a transaction', async () => {
    const { log } = await logFrom(TRANSACTIONS);
    expect(await shownRecords(log)).toEqual(COMMITTED);
  });

  it('shows the same from every offset, and continues after what is hidden', async () => {
    const { log } = await logFrom(TRANSACTIONS);
    for (let offset = 0; offset <= log.offsets.logEnd; offset += 1) {
      const expected = COMMITTED.filter(([at]) => at >= offset);
      expect(await shownRecords(log, offset, 1), `from ${offset}`).toEqual(expected);
    }
  });

  it('does not decide by a marker that is not committed', async () => {
    const { log } = await logFrom(TRANSACTIONS);
    const [committed] = await log.reader.read(2, 1, log.offsets.logEnd);
    if (committed === undefined) throw new Error('no batch at offset 2');
    const shown = log.reader.committedBatches([committed], committed.nextOffset, true);
    await expect(shown).rejects.toMatchObject({ code: 'LEADER_NOT_AVAILABLE', retriable: true });
    const [plain] = await log.reader.read(0, 1, log.offsets.logEnd);
    const both = [plain as RecordBatch, committed];
    expect(await log.reader.committedBatches(both, committed.nextOffset, true)).toEqual([plain]);
  });

  it('waits where the end of a transaction may not have been copied yet', async () => {
    const { log } = await logFrom(TRANSACTIONS);
    const end = log.offsets.logEnd;
    const [open] = await log.reader.read(end - 2, 1, end);
    expect(open?.isTransactional).toBe(true);
    await expect(
      log.reader.committedBatches([open as RecordBatch], end, false),
    ).rejects.toMatchObject({
      code: 'LEADER_NOT_AVAILABLE',
    });
  });

  it('forgets markers that are cut off', async () => {
    const { log } = await logFrom(TRANSACTIONS);
    expect(await shownRecords(log)).toContainEqual([2, 'committed 1']);
    const commitMarker = 7;
    await log.trimmer.truncateTo(commitMarker);
    expect(await shownRecords(log)).toEqual([
      [0, 'plain 1'],
      [4, 'plain 2'],
    ]);
  });

  it('shows no record of a transaction whose marker cannot be read', async () => {
    const log = await testLog(await new FakeBroker().open());
    const producer = { producerId: 7, producerEpoch: 0, baseSequence: 0 };
    const written = testBatch([{ key: null, value: 'open', timestamp: 1 }], producer);
    const marker = testBatch([{ key: null, value: 'no marker', timestamp: 1 }]);
    const after = testBatch([{ key: null, value: 'plain', timestamp: 1 }]);
    await append(log, transactionalBatch(written));
    await append(log, unreadableBatch(controlBatch(marker)));
    await append(log, after);
    expect(await shownRecords(log)).toEqual([[2, 'plain']]);
  });

  it('finds no aborted record by its time', async () => {
    const { log } = await logFrom(TRANSACTIONS);
    const found = await log.reader.offsetForTimestamp(0, log.offsets.logEnd);
    expect(found?.offset).toBe(COMMITTED[0]?.[0]);
  });

  it('is compacted by committed records alone', async () => {
    const { broker, log } = await logFrom(TRANSACTIONS, COMPACTED);
    await log.roll();
    await append(log, testBatch([{ key: 'z', value: 'last', timestamp: KAFKA_TIME_MS }]));
    await compacted(broker, 2);
    const left = (await shownRecords(log)).map(([, value]) => value);
    // Key by key: a, b, d, e, f; aborted and open records of b, d and e come later in the log.
    expect(left.toSorted()).toEqual(
      ['committed 1', 'committed 2', 'committed 3', 'last', 'plain 2', 'plain 3'].toSorted(),
    );
  });
});

describe('a log that Kafka has compacted', () => {
  it('has no damage where offsets are missing, at the first start and at later ones', async () => {
    const { broker, log } = await logFrom(KAFKA_COMPACTED, COMPACTED);
    await expectCompacted(broker, log);
    broker.crash();
    await expectCompacted(broker, await reopened(broker, COMPACTED));
    broker.crash();
    await (await broker.open()).close();
    await expectCompacted(broker, await reopened(broker, COMPACTED));
  });

  it('is read on at the next offset from every missing one', async () => {
    const { log } = await logFrom(KAFKA_COMPACTED, COMPACTED);
    for (let offset = 0; offset < log.offsets.logEnd; offset += 1) {
      const expected = COMPACTED_OFFSETS.filter((at) => at >= offset);
      const read = (await readAll(log, offset)).map(([at]) => at);
      expect(read, `from ${offset}`).toEqual(expected);
    }
  });

  it('keeps its gaps when the policy no longer has compact', async () => {
    const { broker } = await logFrom(KAFKA_COMPACTED, COMPACTED);
    await broker.scheduler.advance(1000);
    broker.crash();
    await expectCompacted(broker, await reopened(broker, {}));
  });

  it('has lost records when the policy never had compact', async () => {
    const { broker, log } = await logFrom(KAFKA_COMPACTED);
    // Offsets 20 and 21 are missing at the end of a segment; 22 to 29 are a segment without
    // batches.
    expect(log.damage.lostBetween).toEqual([
      { startOffset: 9, endOffset: 14 },
      { startOffset: 20, endOffset: 22 },
      { startOffset: 22, endOffset: 30 },
    ]);
    await broker.scheduler.advance(1000);
    broker.crash();
    expect((await reopened(broker, {})).damage.lostBetween).toEqual(log.damage.lostBetween);
  });

  it('is compacted further and takes records after its end', async () => {
    const { broker, log } = await logFrom(KAFKA_COMPACTED, COMPACTED);
    await append(log, testBatch([{ key: 'c', value: 'later', timestamp: KAFKA_TIME_MS }]));
    await log.roll();
    await append(log, testBatch([{ key: 'z', value: 'last', timestamp: KAFKA_TIME_MS }]));
    await compacted(broker, 6);
    const left = await readAll(log);
    // Key by key: offsets 28 and 29 hold j and k, which offsets 38 and 39 replaced; 40 replaced 2.
    expect(left.map(([offset]) => offset)).toEqual([
      ...COMPACTED_OFFSETS.filter((at) => at !== 2 && at !== 36 && at !== 37),
      40,
      41,
    ]);
    expect(log.damage.ranges).toEqual([]);
  });

  it('is copied to a follower with its gaps', async () => {
    const { log } = await logFrom(KAFKA_COMPACTED, COMPACTED);
    const copy = await testLog(await new FakeBroker().open(), COMPACTED);
    await copy.leadership.stopLeading();
    const election = { epoch: 5, electionId: 'fifth' };
    await copy.leadership.tryAccept(election);
    const leader = { election, compactedEndOffset: log.compactedEndOffset, elections: [] };
    for (let next = 0; next < log.offsets.logEnd; next = copy.offsets.logEnd) {
      const batches = await log.reader.read(next, 2 ** 20, log.offsets.logEnd);
      const bytes = Buffer.concat(batches.map((batch) => batch.bytes));
      await copy.copies.append([bytes], leader);
    }
    expect((await readAll(copy)).map(([offset]) => offset)).toEqual(COMPACTED_OFFSETS);
  });

  it('may begin above offset 0, as where Kafka has deleted its first segments', async () => {
    const { broker, log } = await logFrom(KAFKA_COMPACTED, COMPACTED, [0, 8]);
    expect([log.offsets.logStart, log.damage.lostStart]).toEqual([14, undefined]);
    await broker.scheduler.advance(1000);
    broker.crash();
    expect((await reopened(broker, COMPACTED)).offsets.logStart).toBe(14);
  });
});

describe('a read of a few records', () => {
  it.each([
    ['kafka/transactions-0', {}],
    ['kafka/compacted-0', { 'cleanup.policy': 'compact' } as const],
  ])('shows that many of %s from each offset on', async (fixture, overrides) => {
    const { log } = await logFrom(fixture, overrides);
    const end = log.offsets.highWatermark;
    for (let from = 0; from < end; from += 1) {
      const all = await shownOf(log, await log.reader.read(from, 2 ** 20, end), from);
      for (let wanted = 1; wanted <= 6; wanted += 1) {
        const few = await shownOf(log, await log.reader.read(from, 2 ** 20, end, wanted), from);
        expect(few.slice(0, wanted), `${wanted} from ${from}`).toEqual(all.slice(0, wanted));
      }
    }
  });
});

const KAFKA_COMPACTED = 'kafka/compacted-0';
/** Offsets that Kafka's cleaner retained of the records of test/interop/kafka/KafkaClients.java. */
const COMPACTED_OFFSETS = [2, 5, 7, 14, 15, 16, 17, 18, 19, 36, 37, 38, 39];

async function expectCompacted(broker: FakeBroker, log: Log): Promise<void> {
  expect((await readAll(log)).map(([offset]) => offset)).toEqual(COMPACTED_OFFSETS);
  await broker.scheduler.advance(120_000);
  expect(broker.seen.scrubPasses).toBe(1);
  expect([log.damage.lostBetween, log.damage.lostStart, log.damage.ranges]).toEqual([
    [],
    undefined,
    [],
  ]);
}

const TRANSACTIONS = 'kafka/transactions-0';
const KAFKA_TIME_MS = 1_700_000_000_000;
const COMPACTED = { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0' } as const;

/**
 * Records that test/interop/kafka/KafkaClients.java wrote outside of transactions, or committed.
 */
const COMMITTED: readonly [number, string][] = [
  [0, 'plain 1'],
  [2, 'committed 1'],
  [4, 'plain 2'],
  [6, 'committed 2'],
  [8, 'committed 3'],
  [14, 'plain 3'],
];

/** Records that test/interop/kafka/KafkaClients.java wrote with a codec. */
function kafkaRecords(codec: string): [number, string][] {
  const small = [0, 1, 2].map((number) => JSON.stringify({ codec, number }));
  const large = [3, 4, 5].map((i) => `${codec} ${i} `.repeat(100_000 / (codec.length + 3)));
  const values = codec === 'none' ? small : [...small, ...large];
  return values.map((value, offset) => [offset, value]);
}

async function reopened(broker: FakeBroker, overrides: TopicConfigOverrides): Promise<Log> {
  const log = await testLog(await broker.open({ compactionCheckIntervalMs: 1e9 }), overrides);
  log.updateHighWatermark(log.offsets.syncedEnd);
  return log;
}

/**
 * The log of a broker that finds the fixture in its data directory.
 * @param without base offsets of segments that are not there
 */
async function logFrom(
  fixture: string,
  overrides: TopicConfigOverrides = {},
  without: readonly number[] = [],
): Promise<{ broker: FakeBroker; log: Log }> {
  const broker = new FakeBroker();
  const manager = await broker.open();
  await testLog(manager);
  await manager.close();
  await placeFixture(broker, fixture);
  for (const base of without) {
    await broker.disk.removeFile(broker.path(segmentFileName(base, 'log')));
  }
  const log = await testLog(await broker.open({ compactionBytesPerSecond: 1e12 }), overrides);
  log.updateHighWatermark(log.offsets.syncedEnd);
  return { broker, log };
}

async function append(log: Log, batch: Buffer): Promise<void> {
  await log.writer.append([batch], { leaderEpoch: 0 });
  log.updateHighWatermark(log.offsets.syncedEnd);
}

/** Offsets and values as a client that reads the whole log sees them. */
async function shownRecords(log: Log, from = 0, maxBytes = 2 ** 20): Promise<[number, string][]> {
  const records: [number, string][] = [];
  for (let offset = from; offset < log.offsets.highWatermark; ) {
    const read = await log.reader.read(offset, maxBytes, log.offsets.highWatermark);
    records.push(...(await shownOf(log, read, offset)));
    offset = read.at(-1)?.nextOffset ?? log.offsets.highWatermark;
  }
  return records;
}

/** Offsets and values of the batches as a client sees them that reads from an offset on. */
async function shownOf(
  log: Log,
  read: readonly RecordBatch[],
  from: number,
): Promise<[number, string][]> {
  const batches = await log.reader.committedBatches(read, log.offsets.highWatermark, true);
  const shown = recordsOf(batches.filter((batch) => !batch.isControl));
  return shown.filter(([at]) => at >= from);
}

/** Waits for compaction, which must replace exactly so many segments. */
async function compacted(broker: FakeBroker, segments: number): Promise<void> {
  await broker.waitForCompaction(segments);
  expect(broker.seen.cleanedSegments).toBe(segments);
}

function replaceGolden(files: DirectoryFiles): void {
  const directory = fixturePath(GOLDEN);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  for (const [name, content] of files) writeFileSync(`${directory}/${name}`, content);
}
