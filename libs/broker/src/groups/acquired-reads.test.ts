import { expect, it } from 'vitest';
import { encodeRecordBatches, RecordBatch, stampBatch } from '#log';
import { recordsOf } from '../testing/records.js';
import { readAcquired } from './acquired-reads.js';

const PLACE = { topic: 'jobs', topicId: 'id', partition: 0 };
const MIB = 1024 * 1024;

/** A log of batches of ten records each; a record has some 100 bytes. */
class Batches {
  readonly reads: [offset: number, maxBytes: number][] = [];
  readonly #batches: readonly RecordBatch[];

  constructor(count: number) {
    this.#batches = Array.from({ length: count }, (_, at) => batchAt(at * 10));
  }

  async acquire(runs: readonly [first: number, last: number, deliveries?: number][], bytes = MIB) {
    const acquisition = runs.map(([first, last, deliveryCount = 1]) => {
      return { first, last, deliveryCount };
    });
    const { found, acks } = await readAcquired(
      [{ ...PLACE, runs: acquisition }],
      bytes,
      (_place, offset, maxBytes) => {
        const batches = this.#read(offset, maxBytes);
        const read = { batches: batches ?? [], highWatermark: 1000, leaderEpoch: 0 };
        return Promise.resolve(batches === undefined ? undefined : read);
      },
    );
    for (const { batches, records } of found) {
      for (const { offset } of records) {
        const isIn = batches.some(
          (batch) => batch.baseOffset <= offset && offset <= batch.lastOffset,
        );
        expect(isIn).toBe(true);
      }
    }
    return {
      offsets: found.flatMap(({ records }) => records.map(({ offset }) => offset)),
      counts: found.flatMap(({ records }) => records.map(({ deliveryCount }) => deliveryCount)),
      acks: acks.map(({ offset, type }) => `${offset} ${type}`),
    };
  }

  #read(offset: number, maxBytes: number): RecordBatch[] | undefined {
    this.reads.push([offset, maxBytes]);
    const from = this.#batches.findIndex(({ lastOffset }) => lastOffset >= offset);
    if (from < 0) return undefined;
    const batches = [this.#batches[from] as RecordBatch];
    let bytes = batches[0]?.sizeBytes ?? 0;
    for (const batch of this.#batches.slice(from + 1)) {
      bytes += batch.sizeBytes;
      if (bytes > maxBytes) break;
      batches.push(batch);
    }
    return batches;
  }
}

function batchAt(baseOffset: number): RecordBatch {
  const records = recordsOf(Array.from({ length: 10 }, () => 'x'.repeat(90)));
  const { batches } = encodeRecordBatches([{ records, indexes: undefined }], {
    nowMs: 0,
    timestampType: 'CreateTime',
    batchSizeBytes: MIB,
    maxBatchBytes: MIB,
  });
  const [bytes] = batches;
  if (bytes === undefined) throw new Error('no batch');
  stampBatch(bytes, baseOffset, 0);
  return new RecordBatch(bytes);
}

it('reads single records far apart with few bytes each', async () => {
  const log = new Batches(100);
  const { offsets } = await log.acquire([
    [5, 5],
    [500, 500, 2],
    [707, 707],
  ]);
  expect(offsets).toEqual([5, 500, 707]);
  expect(log.reads.map(([offset]) => offset)).toEqual([5, 500, 707]);
  for (const [, maxBytes] of log.reads) expect(maxBytes).toBeLessThanOrEqual(1024);
});

it('reads neighbours at once, each batch once', async () => {
  const log = new Batches(100);
  const runs = Array.from({ length: 50 }, (_, at): [number, number, number] => {
    return [at * 3, at * 3, at + 1];
  });
  const { offsets, counts } = await log.acquire(runs);
  expect(offsets).toEqual(runs.map(([first]) => first));
  expect(counts).toEqual(runs.map(([, , deliveries]) => deliveries));
  expect(log.reads).toHaveLength(1);
});

it('gives back what does not fit, and acknowledges what is not in the log', async () => {
  const log = new Batches(3);
  const { offsets, acks } = await log.acquire([[0, 11]], 500);
  expect(offsets).toEqual([0, 1, 2, 3, 4]);
  expect(acks.slice(0, 2)).toEqual(['5 giveBack', '6 giveBack']);
  expect(acks).toHaveLength(7);
  const beyond = await log.acquire([
    [29, 29],
    [40, 41],
  ]);
  expect(beyond).toEqual({ offsets: [29], counts: [1], acks: ['40 giveBack', '41 giveBack'] });
});
