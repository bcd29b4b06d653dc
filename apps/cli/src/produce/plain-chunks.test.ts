import { expect, test } from 'vitest';
import { partitionForKey } from '#producer';
import type { Chunk } from './chunks.js';
import { type PlainChunkOptions, plainChunksOf } from './plain-chunks.js';

const START = { index: 0, byte: 0, line: 1 };
const OPTIONS: PlainChunkOptions = {
  partitionCount: 3,
  recordsMax: 2,
  bytesMax: 1000,
  endsWithRead: false,
  key: undefined,
  partition: undefined,
};

async function divide(
  reads: readonly string[],
  options: Partial<PlainChunkOptions> = {},
): Promise<Chunk[]> {
  const source = async function* (): AsyncGenerator<Buffer> {
    for (const read of reads) yield Buffer.from(read);
  };
  const found: Chunk[] = [];
  for await (const chunk of plainChunksOf(source(), START, { ...OPTIONS, ...options })) {
    found.push(chunk);
  }
  return found;
}

/** Text, number of records and partition of each chunk. */
function shown(chunks: readonly Chunk[]): unknown[] {
  return chunks.flatMap(({ parts }) =>
    parts.map((part) =>
      'lines' in part ? [part.lines.toString(), part.count, part.partition] : undefined,
    ),
  );
}

test('lines travel as they stand, wherever the reads end', async () => {
  const text = 'a\r\n\nbb\n\r\nc\n\n\nd\ne\r';
  const expected = [
    ['a\r\n\nbb\n\r\n', 2, 0],
    ['c\n\n\nd\n', 2, 1],
    ['e', 1, 2],
  ];
  for (let size = 1; size <= text.length; size += 1) {
    const reads = Array.from({ length: Math.ceil(text.length / size) }, (_, at) =>
      text.slice(at * size, (at + 1) * size),
    );
    const chunks = await divide(reads);
    expect(shown(chunks)).toEqual(expected);
    expect(chunks.map(({ end }) => end)).toEqual([
      { index: 1, byte: 9, line: 5 },
      { index: 2, byte: 15, line: 9 },
      { index: 3, byte: 17, line: 10 },
    ]);
  }
});

test('empty lines alone are not a chunk', async () => {
  expect(await divide(['\n\r\n', '\n'])).toEqual([]);
});

test('a chunk stays below its bytes, and one line always fits', async () => {
  const chunks = await divide([`${'x'.repeat(2000)}\ny\nz\n`], { recordsMax: 10 });
  expect(shown(chunks).map((part) => (part as unknown[])[1])).toEqual([1, 2]);
});

test('the key, or the option, chooses the partition of all lines', async () => {
  const keyed = await divide(['a\nb\nc\n'], { key: 'ada' });
  const partition = partitionForKey(Buffer.from('ada'), 3);
  expect(shown(keyed).map((part) => (part as unknown[])[2])).toEqual([partition, partition]);
  const named = await divide(['a\nb\nc\n'], { partition: 2 });
  expect(shown(named).map((part) => (part as unknown[])[2])).toEqual([2, 2]);
});

test('what a person types is a chunk at each read', async () => {
  const chunks = await divide(['a\n', 'b\nc'], { endsWithRead: true });
  expect(chunks.map(({ end }) => end.byte)).toEqual([2, 4, 5]);
});
