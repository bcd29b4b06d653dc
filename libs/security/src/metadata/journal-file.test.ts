import { crc32c } from '@node-rs/crc32';
import { beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '#runtime';
import { FakeDisk } from '#runtime/testing';
import { JournalFile } from './journal-file.js';

const PATH = '/data/test.journal';

let disk = new FakeDisk();
beforeEach(async () => {
  disk = new FakeDisk();
  await disk.makeDirectory('/data');
});

describe('JournalFile', () => {
  it('reads what was written: header, chunks, appended values', async () => {
    const file = newFile();
    await file.replace({ a: 1 }, () => [['x'], ['y']]);
    await file.append('first');
    await file.append('second');
    await file.close();
    expect(await contentOf()).toEqual([{ a: 1 }, ['x'], ['y'], 'first', 'second']);
    expect(await newFile().open(reader([]))).toBe(true);
  });

  it('cuts off an appended value that a crash tore, wherever it is torn', async () => {
    const file = newFile();
    await file.replace({}, () => [['x']]);
    await file.append('first');
    const soundBytes = (await disk.readFile(PATH)).length;
    await file.append('second');
    await file.close();
    const whole = await disk.readFile(PATH);
    for (let length = soundBytes; length < whole.length; length += 1) {
      await write(whole.subarray(0, length));
      expect(await contentOf()).toEqual([{}, ['x'], 'first']);
      expect((await disk.readFile(PATH)).length).toBe(soundBytes);
    }
    const reopened = newFile();
    await reopened.open(reader([]));
    await reopened.append('third');
    await reopened.close();
    expect(await contentOf()).toEqual([{}, ['x'], 'first', 'third']);
  });

  it('refuses a file with a flipped bit before its last line', async () => {
    const file = newFile();
    await file.replace({ a: 1 }, () => [['x'], ['y']]);
    await file.append('first');
    const lastLineAt = (await disk.readFile(PATH)).length;
    await file.append('second');
    await file.close();
    for (let position = 0; position < lastLineAt; position += 1) {
      disk.corrupt(PATH, position);
      await expect(contentOf(), `byte ${position}`).rejects.toMatchObject({ fault: 'damaged' });
      disk.corrupt(PATH, position);
    }
    expect(await contentOf()).toHaveLength(5);
  });

  it('refuses a file of a later version', async () => {
    const file = newFile();
    await file.replace({ a: 1 }, () => []);
    await file.close();
    const [first = '', ...others] = (await disk.readFile(PATH)).toString().split('\n');
    const rest = first.slice(9).replace('"format_version":1', '"format_version":2');
    const checksum = crc32c(rest).toString(16).padStart(8, '0');
    await write(Buffer.from([`${checksum} ${rest}`, ...others].join('\n')));
    await expect(contentOf()).rejects.toMatchObject({
      fault: 'newer-format',
      message: `${PATH} has format version 2, this version reads 1.`,
    });
  });

  it('refuses a snapshot whose end is missing', async () => {
    const file = newFile();
    await file.replace({ a: 1 }, () => [['x'], ['y']]);
    await file.close();
    const whole = await disk.readFile(PATH);
    for (let length = 0; length < whole.length; length += 1) {
      await write(whole.subarray(0, length));
      await expect(contentOf()).rejects.toMatchObject({ fault: 'damaged' });
    }
  });

  it('keeps the old content when a replacement fails', async () => {
    const file = newFile();
    await file.replace({ a: 1 }, () => [['x']]);
    disk.failNext('datasync', 'EIO');
    await expect(file.replace({ a: 2 }, () => [])).rejects.toThrow('EIO');
    expect(file.mustBeReplaced).toBe(true);
    expect(await contentOf()).toEqual([{ a: 1 }, ['x']]);
  });
});

function newFile(): JournalFile {
  return new JournalFile({ fileSystem: disk.mount(), path: PATH, logger: silentLogger });
}

function reader(seen: unknown[]) {
  const see = (value: unknown): void => void seen.push(value);
  return { header: see, chunk: see, appended: see };
}

async function contentOf(): Promise<unknown[]> {
  const seen: unknown[] = [];
  const file = newFile();
  await file.open(reader(seen));
  await file.close();
  return seen;
}

async function write(bytes: Buffer): Promise<void> {
  const file = await disk.open(PATH, 'create');
  await file.truncate(0);
  await file.writev([bytes], 0);
  await file.datasync();
  await file.close();
}
