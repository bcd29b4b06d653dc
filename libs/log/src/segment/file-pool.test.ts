import { describe, expect, it } from 'vitest';
import type { FileHandle, FileSystem, OpenMode } from '#runtime';
import { FakeDisk } from '#runtime/testing';
import { FilePool } from './file-pool.js';

async function poolOf(names: string[], openFilesMax: number) {
  const disk = new FakeDisk();
  const pool = new FilePool(disk, openFilesMax);
  const files = names.map((name) => pool.file(`/${name}`));
  for (const file of files) {
    await file.create();
    file.release();
  }
  return { disk, pool, files };
}

/** The members of a disk, with another `open`. */
function openedBy(open: FileSystem['open']) {
  return (disk: FakeDisk, name: keyof FakeDisk): unknown => {
    const member: unknown = name === 'open' ? open : disk[name];
    return typeof member === 'function' ? (member.bind(disk) as unknown) : member;
  };
}

describe('the pool of open files', () => {
  it('closes the least recently used file first', async () => {
    const { pool, files } = await poolOf(['a', 'b'], 2);
    const [a] = files;
    await a?.acquire();
    a?.release();
    const c = pool.file('/c');
    await c.create();
    c.release();
    expect(pool.openCount).toBe(2);
    // Still open: no promise is needed to get it.
    expect(a?.acquire()).not.toBeInstanceOf(Promise);
    expect(files[1]?.acquire()).toBeInstanceOf(Promise);
  });

  it('never closes a file in use', async () => {
    const { pool, files } = await poolOf(['a', 'b', 'c'], 1);
    const handles = await Promise.all(files.map(async (file) => file.acquire()));
    expect(pool.openCount).toBe(3);
    for (const handle of handles) expect(await handle.sizeBytes()).toBe(0);
    for (const file of files) file.release();
    expect(pool.openCount).toBe(1);
  });

  it('opens a file once for users that come together', async () => {
    const { pool, files } = await poolOf(['a', 'b'], 1);
    const [a] = files;
    const [one, two] = await Promise.all([1, 2].map(async () => a?.acquire()));
    expect(one).toBe(two);
    a?.release();
    a?.release();
    expect(pool.openCount).toBe(1);
  });

  it('finds a renamed file under its new name after it was closed', async () => {
    const { disk, pool, files } = await poolOf(['a'], 1);
    const [a] = files;
    await a?.rename('/renamed');
    await pool.file('/other').create();
    await pool.closeIdle();
    expect(await disk.fileSize('/a')).toBeUndefined();
    expect((await a?.acquire())?.path).toBe('/renamed');
  });

  it('opens a file again, once nobody uses it, to sync its writes from then on', async () => {
    const { pool, files } = await poolOf(['a'], 2);
    const [a] = files;
    const plain = await a?.acquire();
    a?.syncWrites(true);
    expect(await a?.acquire()).toBe(plain);
    a?.release();
    a?.release();
    const synced = await a?.acquire();
    expect([plain?.syncsWrites, synced?.syncsWrites]).toEqual([false, true]);
    expect(pool.openCount).toBe(1);
    a?.release();
    expect(a?.acquire()).toBe(synced);
    a?.release();
    a?.syncWrites(false);
    expect((await a?.acquire())?.syncsWrites).toBe(false);
  });

  it('does not open a file again where the system syncs no writes', async () => {
    const disk = new FakeDisk();
    const open = (path: string, mode: OpenMode): Promise<FileHandle> => disk.open(path, mode);
    const pool = new FilePool(new Proxy(disk, { get: openedBy(open) }), 2);
    const file = pool.file('/a');
    file.syncWrites(true);
    const handle = await file.create();
    expect(handle.syncsWrites).toBe(false);
    file.release();
    expect(file.acquire()).toBe(handle);
  });

  it('may be asked again after an open failed', async () => {
    const { disk, pool, files } = await poolOf(['a'], 1);
    await pool.closeIdle();
    disk.failNext('open', 'EMFILE');
    await expect(files[0]?.acquire()).rejects.toMatchObject({ code: 'EMFILE' });
    await files[0]?.acquire();
    files[0]?.release();
    expect(pool.openCount).toBe(1);
  });
});
