import { beforeEach, describe, expect, it } from 'vitest';
import { FakeDisk } from '#runtime/testing';
import { CorruptCheckpointError, offsetCheckpointFile, replaceFile } from './checkpoint-file.js';

const PATH = '/data/recovery-point-offset-checkpoint';
const ENTRIES = [
  { topicPartition: { topic: 'orders', partition: 0 }, offset: 42 },
  { topicPartition: { topic: 'pay.ments_x-1', partition: 12 }, offset: 2 ** 53 - 1 },
];

let disk: FakeDisk;

beforeEach(async () => {
  disk = new FakeDisk();
  await disk.makeDirectory('/data');
});

async function put(text: string): Promise<void> {
  await replaceFile(disk, PATH, Buffer.from(text));
}

describe('an offset checkpoint', () => {
  it('is the text that Kafka writes', async () => {
    await offsetCheckpointFile(disk, PATH).write(ENTRIES);
    expect((await disk.readFile(PATH)).toString()).toBe(
      '0\n2\norders 0 42\npay.ments_x-1 12 9007199254740991\n',
    );
    expect(await offsetCheckpointFile(disk, PATH).read()).toEqual(ENTRIES);
  });

  it('has no entries while its file is missing or empty', async () => {
    expect(await offsetCheckpointFile(disk, PATH).read()).toEqual([]);
    await put('');
    expect(await offsetCheckpointFile(disk, PATH).read()).toEqual([]);
  });

  it.each([
    ['another version', '1\n0\n'],
    ['too few entries', '0\n2\norders 0 42\n'],
    ['too many entries', '0\n0\norders 0 42\n'],
    ['no count', '0\n'],
    ['a torn last line', '0\n1\norders 0 4'],
    ['a malformed line', '0\n1\norders 0 -4\n'],
    ['an offset beyond 2^53', '0\n1\norders 0 9007199254740993\n'],
  ])('with %s is refused', async (_, text) => {
    await put(text);
    await expect(offsetCheckpointFile(disk, PATH).read()).rejects.toThrow(CorruptCheckpointError);
  });

  it('survives a crash once its write has resolved', async () => {
    const checkpoint = offsetCheckpointFile(disk, PATH);
    await checkpoint.write(ENTRIES.slice(0, 1));
    await checkpoint.write(ENTRIES);
    disk.crash();
    expect(await offsetCheckpointFile(disk, PATH).read()).toEqual(ENTRIES);
  });

  it('holds the last of overlapping writes', async () => {
    const checkpoint = offsetCheckpointFile(disk, PATH);
    await Promise.all([checkpoint.write(ENTRIES), checkpoint.write([]), checkpoint.write(ENTRIES)]);
    expect(await checkpoint.read()).toEqual(ENTRIES);
  });

  it('does not take over the rest of an earlier, longer try', async () => {
    const rest = await disk.open(`${PATH}.tmp`, 'create');
    await rest.writev([Buffer.alloc(1000, 0x31)], 0);
    await rest.close();
    await offsetCheckpointFile(disk, PATH).write(ENTRIES);
    expect(await offsetCheckpointFile(disk, PATH).read()).toEqual(ENTRIES);
  });
});
