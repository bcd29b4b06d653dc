import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NodeFileSystem } from './node-file-system.js';

const fileSystem = new NodeFileSystem();
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-file-system-'));
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

function path(name: string): string {
  return join(directory, name);
}

describe('an open file', () => {
  it('gives back what was written at any position, and fewer bytes only at its end', async () => {
    const file = await fileSystem.open(path('a.log'), 'create');
    await file.writev([Buffer.from('hello '), Buffer.from('world')], 0);
    await file.writev([Buffer.from('W')], 6);
    const target = Buffer.alloc(20, '.');
    expect(await file.read(target, 2, 10, 4)).toBe(7);
    expect(target.toString()).toBe('..o World...........');
    expect(await file.read(target, 0, 10, 11)).toBe(0);
    expect(await file.sizeBytes()).toBe(11);
    await file.datasync();
    await file.close();
  });

  it('takes more buffers than one system call does, empty ones among them', async () => {
    const file = await fileSystem.open(path('many.log'), 'create');
    const buffers = Array.from({ length: 5_000 }, (_, index) => Buffer.from(`${index},`));
    buffers.splice(2_500, 0, Buffer.alloc(0));
    await file.writev(buffers, 3);
    await file.close();
    const bytes = await readFile(path('many.log'));
    expect(bytes.subarray(3).equals(Buffer.concat(buffers))).toBe(true);
    expect(bytes.subarray(0, 3)).toStrictEqual(Buffer.alloc(3));
  });

  it('is left as it is by a write of nothing', async () => {
    const file = await fileSystem.open(path('empty.log'), 'create');
    await file.writev([], 10);
    await file.writev([Buffer.alloc(0)], 10);
    expect(await file.sizeBytes()).toBe(0);
    await file.close();
  });

  it('is cut and grown by truncate', async () => {
    const file = await fileSystem.open(path('cut.log'), 'create');
    await file.writev([Buffer.from('abcdef')], 0);
    await file.truncate(2);
    await file.truncate(4);
    await file.close();
    expect(await readFile(path('cut.log'), 'latin1')).toBe('ab\0\0');
  });

  it('is kept by create, needed by read and write, and not written by read', async () => {
    await expect(fileSystem.open(path('b.log'), 'read')).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(fileSystem.open(path('b.log'), 'write')).rejects.toMatchObject({ code: 'ENOENT' });
    await writeFile(path('b.log'), 'kept');
    for (const mode of ['create', 'write', 'read'] as const) {
      const file = await fileSystem.open(path('b.log'), mode);
      expect(file.path).toBe(path('b.log'));
      expect(await file.sizeBytes()).toBe(4);
      if (mode === 'read') {
        await expect(file.writev([Buffer.from('x')], 0)).rejects.toMatchObject({ code: 'EBADF' });
      }
      await file.close();
    }
  });

  it('names the error of a write that the disk does not take', async () => {
    const full = await fileSystem.open('/dev/full', 'write');
    const buffers = [Buffer.alloc(10), Buffer.alloc(10)];
    await expect(full.writev(buffers, 0)).rejects.toMatchObject({ code: 'ENOSPC' });
    await expect(full.writev(buffers.slice(1), 0)).rejects.toMatchObject({ code: 'ENOSPC' });
    await full.close();
  });
});

describe('names', () => {
  it('are listed, renamed over others, removed, and missing ones are no error', async () => {
    await fileSystem.makeDirectory(path('topics/orders-0'));
    await fileSystem.makeDirectory(path('topics/orders-0'));
    await writeFile(path('topics/new'), 'new');
    await writeFile(path('topics/old'), 'old');
    await fileSystem.rename(path('topics/new'), path('topics/old'));
    await fileSystem.syncDirectory(path('topics'));
    const entries = await fileSystem.readDirectory(path('topics'));
    expect(entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))).toStrictEqual([
      { name: 'old', isDirectory: false },
      { name: 'orders-0', isDirectory: true },
    ]);
    expect((await fileSystem.readFile(path('topics/old'))).toString()).toBe('new');

    await fileSystem.removeFile(path('topics/old'));
    await fileSystem.removeFile(path('topics/old'));
    await fileSystem.removeDirectory(path('topics'));
    await fileSystem.removeDirectory(path('topics'));
    expect(await fileSystem.readDirectory(directory)).toStrictEqual([]);
  });

  it('that are missing are reported where they are needed', async () => {
    const missing = path('missing');
    expect(await fileSystem.fileSize(missing)).toBeUndefined();
    await expect(fileSystem.readFile(missing)).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(fileSystem.readDirectory(missing)).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(fileSystem.syncDirectory(missing)).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(fileSystem.rename(missing, path('x'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('of files have a size, those of directories none', async () => {
    await writeFile(path('five'), '12345');
    expect(await fileSystem.fileSize(path('five'))).toBe(5);
    expect(await fileSystem.fileSize(directory)).toBeUndefined();
  });
});

describe('a lock', () => {
  it('is held once and may be taken after its release', async () => {
    const lock = await fileSystem.tryLock(path('.lock'));
    expect(lock).toBeDefined();
    expect(await fileSystem.tryLock(path('.lock'))).toBeUndefined();
    await lock?.release();
    const again = await fileSystem.tryLock(path('.lock'));
    expect(again).toBeDefined();
    await again?.release();
  });

  it('ends with the process that holds it', async () => {
    const holder = path('holder.cjs');
    await writeFile(
      holder,
      `const { tryLock } = require(process.argv[3]);
       const descriptor = require('node:fs').openSync(process.argv[2], 'a+');
       process.send(tryLock(descriptor));
       setInterval(() => undefined, 1000);`,
    );
    const extensions = join(import.meta.dirname, '../../../node_modules/fs-native-extensions');
    const child = fork(holder, [path('.lock'), extensions]);
    const exited = once(child, 'exit');
    try {
      const [isLocked] = await once(child, 'message');
      expect(isLocked).toBe(true);
      expect(await fileSystem.tryLock(path('.lock'))).toBeUndefined();
    } finally {
      child.kill('SIGKILL');
      await exited;
    }
    const lock = await fileSystem.tryLock(path('.lock'));
    expect(lock).toBeDefined();
    await lock?.release();
  });
});
