import { describe, expect, it } from 'vitest';
import type { DeadLetterBatch, RedrivePlan } from '#groups';
import { ProtocolError, RECORD_STRIDE } from '#protocol';
import { SeededRandom } from '#runtime/testing';
import type { ProduceRequest, ProduceResult } from './broker.js';
import { DeadLetters } from './dead-letters.js';
import { RedrivenRecords } from './redriven-records.js';
import { produceOf } from './testing/records.js';
import { TestBroker } from './testing/test-broker.js';
import { Topic } from './topic.js';

const JOBS = { topic: 'jobs', topicId: 'jobs-id', partition: 0 };
const FAILED = { topic: 'failed', topicId: 'failed-id', partition: 0 };

describe('a batch of dead letters', () => {
  it('has headers only for a record that was deleted after the batch was planned', async () => {
    const world = await worldWith();
    await world.test.broker.deleteRecords(JOBS, 1);
    await world.letters().write(world.batch);
    const [written] = world.written;
    expect(written?.producer).toEqual(world.producer);
    expect(valuesIn(written)).toEqual([null, 'b']);
  });

  it('is refused when its topic was deleted meanwhile', async () => {
    const world = await worldWith();
    const letters = world.letters({ topic: () => undefined });
    await expect(letters.write(world.batch)).rejects.toMatchObject({
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
      message: 'There is no topic "failed".',
    });
    expect(world.written).toEqual([]);
  });

  it('fails as the leader of its partition refuses it, so that it is written again', async () => {
    const world = await worldWith();
    const refusal = new ProtocolError('NOT_ENOUGH_REPLICAS', 'Too few replicas are in sync.');
    await expect(world.letters({ refusal }).write(world.batch)).rejects.toBe(refusal);
  });

  it('is done when the leader has it already', async () => {
    const world = await worldWith();
    const refusal = new ProtocolError('DUPLICATE_SEQUENCE_NUMBER', 'It was written before.');
    await expect(world.letters({ refusal }).write(world.batch)).resolves.toBeUndefined();
  });
});

describe('dead letters that are put back', () => {
  it('are read from the first one on that was not deleted', async () => {
    const { test, batch, letters, redriven } = await worldWith();
    await letters().write(batch);
    const read = { group: 'g', from: 0, lettersMax: 9 };
    const offsets = async (): Promise<number[]> => {
      const page = await redriven().readLetters(FAILED, read);
      return page.letters.map(({ offset }) => offset);
    };
    expect(await offsets()).toEqual([0, 1]);
    await test.broker.deleteRecords(FAILED, 1);
    expect(await offsets()).toEqual([1]);
  });

  it('end at a position that their partition does not have', async () => {
    const { redriven } = await worldWith();
    const page = await redriven().readLetters(FAILED, { group: 'g', from: 9, lettersMax: 9 });
    expect(page).toEqual({ logStartOffset: 9, to: 9, letters: [] });
  });

  it('are not written when one of them was deleted after they were planned', async () => {
    const { test, batch, producer, written, letters, redriven } = await worldWith();
    await letters().write(batch);
    const plan: RedrivePlan = { ...producer, ...JOBS, ranges: [0, 1] };
    await test.broker.deleteRecords(FAILED, 1);
    expect(await redriven().writeRedriven(FAILED, plan, 'g')).toBe(false);
    expect(written.map(({ topic }) => topic)).toEqual(['failed']);
    expect(await redriven().writeRedriven(FAILED, { ...plan, ranges: [1, 1] }, 'g')).toBe(true);
    expect(written.map(({ topic }) => topic)).toEqual(['failed', 'jobs']);
    expect(valuesIn(written[1])).toEqual(['b']);
  });
});

interface Answers {
  readonly topic?: (name: string) => Topic | undefined;
  /** Error that leaders answer to a batch; undefined: they take it. */
  readonly refusal?: ProtocolError;
}

/** A broker with the records `a` and `b` in `jobs`-0, and the topic `failed`. */
async function worldWith() {
  const test = await TestBroker.start();
  const { broker } = test;
  for (const name of ['jobs', 'failed']) await broker.createTopic({ name });
  await broker.produce(produceOf('jobs', ['a', 'b']));
  const producer = { ...(await broker.initProducer()), sequence: 0 };
  const batch: DeadLetterBatch = {
    group: 'g',
    ...JOBS,
    plan: { ...producer, ...FAILED, ranges: [0, 1] },
    letters: [0, 1].map((offset) => ({ offset, deliveryCount: 5, reason: 'rejected' })),
    isCopied: true,
  };
  const written: ProduceRequest[] = [];
  const portsOf = ({ topic = topicNamed, refusal }: Answers) => ({
    topic,
    ensureTopic: () => Promise.reject(new Error('not to be called')),
    newProducer: () => Promise.reject(new Error('not to be called')),
    fetch: broker.fetch.bind(broker),
    produce: async (_: Topic, request: ProduceRequest): Promise<ProduceResult> => {
      written.push(request);
      const part = { partition: 0, indexes: undefined, baseOffset: null, logAppendTimeMs: null };
      if (refusal === undefined) return broker.produce(request);
      return { parts: [{ ...part, createTimeMs: 0, error: refusal }] };
    },
  });
  return {
    test,
    written,
    producer,
    /** The dead letters of both records of `jobs`-0. */
    batch,
    letters: (answers: Answers = {}) => new DeadLetters(portsOf(answers)),
    redriven: (answers: Answers = {}) => new RedrivenRecords(portsOf(answers)),
  };
}

function topicNamed(name: string): Topic {
  const metadata = { name, id: `${name}-id`, version: 0, configs: {}, partitions: [] };
  const options = { batchSizeBytes: 16_384, random: new SeededRandom(1) };
  return new Topic(metadata, { partition: () => undefined }, options);
}

/** Values of the records of a request; null: the record has none. */
function valuesIn(request: ProduceRequest | undefined): (string | null)[] {
  const { source = Buffer.alloc(0), count = 0, fields = [] } = request?.records ?? {};
  return Array.from({ length: count }, (_, at) => {
    const [start = -1, end = -1] = fields.slice(at * RECORD_STRIDE);
    return start < 0 ? null : Buffer.from(source).toString('utf8', start, end);
  });
}
