/**
 * The behaviour of every implementation of the file system port, checked on the real one and on the
 * fake disk.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FileSystem } from './file-system.js';
import { NodeFileSystem } from './node-file-system.js';
import { FakeDisk } from './testing/fake-disk.js';

const implementations = [
  {
    name: 'NodeFileSystem',
    start: async () => ({
      fileSystem: new NodeFileSystem(),
      root: await mkdtemp(join(tmpdir(), 'sluice-file-system-')),
    }),
    stop: (root: string) => rm(root, { recursive: true }),
  },
  {
    name: 'FakeDisk',
    start: async () => {
      const fileSystem = new FakeDisk();
      await fileSystem.makeDirectory('/data');
      return { fileSystem, root: '/data' };
    },
    stop: () => Promise.resolve(),
  },
];

describe.each(implementations)('$name', ({ start, stop }) => {
  let fileSystem: FileSystem;
  let root: string;

  beforeEach(async () => {
    ({ fileSystem, root } = await start());
  });

  afterEach(async () => {
    await stop(root);
  });

  function path(name: string): string {
    return join(root, name);
  }

  async function text(name: string): Promise<string> {
    return (await fileSystem.readFile(path(name))).toString('latin1');
  }

  async function write(name: string, content: string): Promise<void> {
    const file = await fileSystem.open(path(name), 'create');
    await file.writev([Buffer.from(content)], 0);
    await file.close();
  }

  it('reads what was written at any position, and fewer bytes only at the end', async () => {
    const file = await fileSystem.open(path('a.log'), 'create');
    await file.writev([Buffer.from('hello '), Buffer.from('world')], 2);
    await file.writev([Buffer.from('W')], 8);
    const target = Buffer.alloc(12, '.');
    expect(await file.read(target, 1, 10, 8)).toBe(5);
    expect(target.toString()).toBe('.World......');
    expect(await file.read(target, 0, 2, 2)).toBe(2);
    expect(await file.read(target, 0, 10, 13)).toBe(0);
    expect(await file.read(target, 0, 10, 99)).toBe(0);
    expect(await file.sizeBytes()).toBe(13);
    await file.datasync();
    await file.close();
    expect(await text('a.log')).toBe('\0\0hello World');
    expect(await fileSystem.fileSize(path('a.log'))).toBe(13);
  });

  it('writes any number of buffers in one call, also empty ones, and none', async () => {
    const file = await fileSystem.open(path('many.log'), 'create');
    await file.writev([], 10);
    await file.writev([Buffer.alloc(0)], 10);
    expect(await file.sizeBytes()).toBe(0);
    const buffers = Array.from({ length: 5_000 }, (_, index) => Buffer.from(`${index},`));
    buffers.splice(2_500, 0, Buffer.alloc(0));
    await file.writev(buffers, 3);
    await file.close();
    expect(await text('many.log')).toBe(`\0\0\0${Buffer.concat(buffers).toString()}`);
  });

  it('writes to a file that syncs its writes as to any other', async () => {
    const file = await fileSystem.open(path('synced.log'), 'create', { syncsWrites: true });
    await file.writev([Buffer.from('hello '), Buffer.from('world')], 0);
    await file.truncate(5);
    await file.writev([Buffer.from('!')], 5);
    const target = Buffer.alloc(6);
    expect(await file.read(target, 0, 6, 0)).toBe(6);
    await file.close();
    expect(await text('synced.log')).toBe('hello!');
    const plain = await fileSystem.open(path('synced.log'), 'write');
    expect(plain.syncsWrites).toBe(false);
    await plain.close();
  });

  it('truncates and extends a file', async () => {
    await write('cut.log', 'abcdef');
    const file = await fileSystem.open(path('cut.log'), 'write');
    await file.truncate(2);
    await file.truncate(4);
    await file.close();
    expect(await text('cut.log')).toBe('ab\0\0');
  });

  it('opens in three modes: create keeps existing content, read does not write', async () => {
    await expect(fileSystem.open(path('b'), 'read')).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(fileSystem.open(path('b'), 'write')).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(fileSystem.open(path('no/b'), 'create')).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(fileSystem.open(root, 'write')).rejects.toMatchObject({ code: 'EISDIR' });
    await write('b', 'kept');
    for (const mode of ['create', 'write', 'read'] as const) {
      const file = await fileSystem.open(path('b'), mode);
      expect(file.path).toBe(path('b'));
      expect(await file.sizeBytes()).toBe(4);
      if (mode === 'read') {
        await expect(file.writev([Buffer.from('x')], 0)).rejects.toMatchObject({ code: 'EBADF' });
      }
      await file.close();
    }
  });

  it('lists names, renames files over others and directories with their content', async () => {
    await fileSystem.makeDirectory(path('topics/orders-0'));
    await fileSystem.makeDirectory(path('topics/orders-0'));
    await write('topics/orders-0/new', 'new');
    await write('topics/orders-0/old', 'old');
    const file = await fileSystem.open(path('topics/orders-0/new'), 'write');
    await fileSystem.rename(path('topics/orders-0/new'), path('topics/orders-0/old'));
    await fileSystem.rename(path('topics/orders-0'), path('topics/orders-0-delete'));
    await fileSystem.syncDirectory(path('topics'));
    await file.writev([Buffer.from('N')], 0);
    await file.close();
    await write('topics/file', '');
    const entries = await fileSystem.readDirectory(path('topics'));
    expect(entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))).toStrictEqual([
      { name: 'file', isDirectory: false },
      { name: 'orders-0-delete', isDirectory: true },
    ]);
    expect(await fileSystem.readDirectory(path('topics/orders-0-delete'))).toHaveLength(1);
    expect(await text('topics/orders-0-delete/old')).toBe('New');
  });

  it('removes files and directories, and accepts that they do not exist', async () => {
    await fileSystem.makeDirectory(path('topics/a/b'));
    await write('topics/a/file', 'x');
    await fileSystem.removeFile(path('topics/a/file'));
    await fileSystem.removeFile(path('topics/a/file'));
    await write('topics/a/b/file', 'x');
    await fileSystem.removeDirectory(path('topics'));
    await fileSystem.removeDirectory(path('topics'));
    expect(await fileSystem.readDirectory(root)).toStrictEqual([]);
  });

  it('rejects with ENOENT when a needed file is missing', async () => {
    const missing = path('missing');
    expect(await fileSystem.fileSize(missing)).toBeUndefined();
    expect(await fileSystem.fileSize(root)).toBeUndefined();
    await expect(fileSystem.readFile(missing)).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(fileSystem.readDirectory(missing)).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(fileSystem.syncDirectory(missing)).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(fileSystem.rename(missing, path('x'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('grants a lock once, and again after its release', async () => {
    const lock = await fileSystem.tryLock(path('.lock'));
    expect(lock).toBeDefined();
    expect(await fileSystem.tryLock(path('.lock'))).toBeUndefined();
    await lock?.release();
    const again = await fileSystem.tryLock(path('.lock'));
    expect(again).toBeDefined();
    await again?.release();
  });
});
