import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { UsageError } from '../exit-codes.js';
import {
  assertResumable,
  Journal,
  type JournalChunk,
  type JournalHead,
  type JournalState,
  nextSequence,
  RESUME_MS_MAX,
  readJournal,
} from './journal.js';

const HEAD: JournalHead = {
  topic: 'orders',
  topicId: 'id',
  file: '/orders.txt',
  sizeBytes: 100,
  modifiedMs: 5,
  options: '{}',
  partitionCount: 2,
  producerId: 7,
  producerEpoch: 0,
  startedMs: 1000,
};

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-journal-'));
  path = join(directory, 'produce', 'journal.ndjson');
});

afterEach(() => rm(directory, { recursive: true }));

function chunk(index: number): JournalChunk {
  return {
    start: { index, byte: index * 10, line: index * 2 + 1 },
    end: { index: index + 1, byte: index * 10 + 10, line: index * 2 + 3 },
    parts: [{ partition: 0, sequence: index * 2, count: 2 }],
  };
}

async function stateIn(file: string): Promise<JournalState> {
  const state = await readJournal(file);
  if (state === undefined) throw new Error('there is no journal');
  return state;
}

test('a journal without a chunk counts as none, unless its file is finished', async () => {
  const journal = await Journal.create(path, HEAD);
  await journal.close();
  expect(await readJournal(path)).toBeUndefined();
  const empty = await Journal.create(path, HEAD);
  await empty.finish(HEAD);
  expect(await readJournal(path)).toMatchObject({ isFinished: true });
});

test('chunks without a note of their end are unresolved, and sequences go on', async () => {
  const journal = await Journal.create(path, HEAD);
  for (const index of [0, 1, 2]) await journal.begin(chunk(index));
  await journal.done(1);
  await journal.close();
  expect(await readJournal(path)).toMatchObject({
    head: HEAD,
    isFinished: false,
    unresolved: [chunk(0), chunk(2)],
    end: { index: 3, byte: 30, line: 7 },
    sequences: new Map([[0, 6]]),
  });
});

test('entries that come together are noted once each, in their order', async () => {
  const journal = await Journal.create(path, HEAD);
  const noted = [journal.begin(chunk(0)), journal.begin(chunk(1)), journal.done(0)];
  noted.push(journal.begin(chunk(2)), journal.done(2));
  await noted[3];
  expect((await readJournal(path))?.end.index).toBe(3);
  await Promise.all([...noted, journal.begin(chunk(3))]);
  await journal.close();
  const entries = (await readFile(path, 'utf8')).trimEnd().split('\n').slice(1);
  expect(entries.map((entry) => JSON.parse(entry) as unknown)).toEqual([
    { chunk: chunk(0) },
    { chunk: chunk(1) },
    { done: 0 },
    { chunk: chunk(2) },
    { done: 2 },
    { chunk: chunk(3) },
  ]);
});

test('a torn last line is passed over: its chunk was not sent', async () => {
  const journal = await Journal.create(path, HEAD);
  await journal.begin(chunk(0));
  await journal.close();
  await appendFile(path, '{"chunk":{"start"');
  expect((await readJournal(path))?.unresolved).toEqual([chunk(0)]);
});

test('a resumed journal continues after its last whole entry', async () => {
  const interrupted = await Journal.create(path, HEAD);
  await interrupted.begin(chunk(0));
  await interrupted.close();
  await appendFile(path, '{"chunk":{"start"');
  const journal = await Journal.resume(path, await stateIn(path));
  await journal.begin(chunk(1));
  await journal.close();
  expect((await stateIn(path)).unresolved).toEqual([chunk(0), chunk(1)]);
});

test('a finished journal remembers the file, and none of its chunks', async () => {
  const journal = await Journal.create(path, HEAD);
  await journal.begin(chunk(0));
  await journal.finish(HEAD);
  const state = await stateIn(path);
  expect(state).toMatchObject({ head: HEAD, isFinished: true, unresolved: [] });
  expect(() => assertResumable(state, HEAD, HEAD.startedMs + RESUME_MS_MAX + 1)).not.toThrow();
});

test('sequences wrap as those of Kafka do', () => {
  expect(nextSequence(5, 3)).toBe(8);
  expect(nextSequence(2 ** 31 - 2, 3)).toBe(1);
});

describe('a file is not resumed', () => {
  const state: JournalState = {
    head: HEAD,
    isFinished: false,
    sizeBytes: 0,
    unresolved: [],
    end: chunk(0).end,
    sequences: new Map(),
  };

  test.each([
    ['when it has changed', { ...HEAD, sizeBytes: 101 }, 2000, /the file has changed/],
    ['into another topic of the name', { ...HEAD, topicId: 'new' }, 2000, /created again/],
    ['under other options', { ...HEAD, options: '{"a":1}' }, 2000, /options differ/],
    ['after 12 hours', HEAD, HEAD.startedMs + RESUME_MS_MAX + 1, /12 hours/],
  ])('%s', (_, now, nowMs, sentence) => {
    const resume = (): void => assertResumable(state, now, nowMs);
    expect(resume).toThrow(UsageError);
    expect(resume).toThrow(sentence);
  });

  test('but it is when all is the same', () => {
    expect(() => assertResumable(state, HEAD, HEAD.startedMs + 1)).not.toThrow();
  });
});
