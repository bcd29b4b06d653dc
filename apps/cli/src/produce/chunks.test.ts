import { expect, test } from 'vitest';
import { partitionForKey } from '#producer';
import { type Chunk, type ChunkOptions, chunksOf, countOf } from './chunks.js';
import { linesOf } from './lines.js';
import { RecordLines, type RecordOptions } from './record-lines.js';

const START = { index: 0, byte: 0, line: 1 };

async function divide(
  reads: readonly string[],
  options: Partial<ChunkOptions> = {},
  record: Partial<RecordOptions> = {},
): Promise<Chunk[]> {
  const source = async function* (): AsyncGenerator<Buffer> {
    for (const read of reads) yield Buffer.from(read);
  };
  const limits = {
    partitionCount: 3,
    recordsMax: 2,
    bytesMax: 1000,
    endsWithRead: false,
    ...options,
  };
  const lines = new RecordLines({ format: 'text', ...record });
  const found: Chunk[] = [];
  for await (const chunk of chunksOf(linesOf(source()), lines, START, limits)) found.push(chunk);
  return found;
}

test('a chunk begins where the one before it ended, and covers the empty lines', async () => {
  const chunks = await divide(['a\n\nb\nc\n', '\nd\ne']);
  expect(chunks.map(({ start, end }) => [start, end])).toEqual([
    [START, { index: 1, byte: 5, line: 4 }],
    [
      { index: 1, byte: 5, line: 4 },
      { index: 2, byte: 10, line: 7 },
    ],
    [
      { index: 2, byte: 10, line: 7 },
      { index: 3, byte: 11, line: 8 },
    ],
  ]);
});

test('lines without a key go to one partition per chunk, in turn', async () => {
  const chunks = await divide(['a\nb\nc\nd\ne\n']);
  expect(chunks.map(({ parts }) => parts.map(({ partition }) => partition))).toEqual([
    [0],
    [1],
    [2],
  ]);
});

test('lines with a key go to the partition of Kafka’s clients', async () => {
  const [chunk] = await divide(
    ['ada=1\nbob=2\nada=3\n'],
    { recordsMax: 10 },
    { keySeparator: '=' },
  );
  const ada = partitionForKey(Buffer.from('ada'), 3);
  const bob = partitionForKey(Buffer.from('bob'), 3);
  const counts = new Map(chunk?.parts.map((part) => [part.partition, countOf(part)]));
  expect(counts).toEqual(
    ada === bob
      ? new Map([[ada, 3]])
      : new Map([
          [ada, 2],
          [bob, 1],
        ]),
  );
});

test('a chunk stays below its bytes, and one line always fits', async () => {
  const chunks = await divide([`${'x'.repeat(2000)}\ny\nz\n`], { recordsMax: 10 });
  expect(chunks.map(({ parts }) => parts.map(countOf))).toEqual([[1], [2]]);
});

test('what a person types is a chunk at each read', async () => {
  const chunks = await divide(['a\n', 'b\nc'], { endsWithRead: true });
  expect(chunks.map(({ end }) => end.byte)).toEqual([2, 4, 5]);
});
