import * as fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import type { FileHandle } from '../file-system.js';
import { FakeDisk } from './fake-disk.js';
import { SECTOR_BYTES } from './fake-file.js';
import { FAULT_POINTS, type FaultPoint } from './faults.js';
import { SeededRandom } from './seeded-random.js';

let disk: FakeDisk;

beforeEach(async () => {
  disk = new FakeDisk();
  await disk.makeDirectory('/data');
});

/** Creates a file with this synced content and a durable name. */
async function durable(path: string, content: string, on = disk): Promise<FileHandle> {
  const file = await on.open(path, 'create');
  await file.writev([Buffer.from(content)], 0);
  await file.datasync();
  await on.syncDirectory('/data');
  return file;
}

async function text(path: string, on = disk): Promise<string> {
  return (await on.readFile(path)).toString('latin1');
}

async function names(path: string, on = disk): Promise<string[]> {
  return (await on.readDirectory(path)).map(({ name }) => name).toSorted();
}

/** The distinct outcomes of a scenario over many seeds. */
async function outcomes(scenario: (disk: FakeDisk) => Promise<string>): Promise<Set<string>> {
  const seen = new Set<string>();
  for (let seed = 0; seed < 300; seed += 1) {
    const random = new SeededRandom(seed);
    const tried = new FakeDisk({ random });
    await tried.makeDirectory('/data');
    seen.add(await scenario(tried));
  }
  return seen;
}

describe('a running disk', () => {
  it('keeps the written bytes when the caller reuses the buffer', async () => {
    const buffer = Buffer.from('before');
    const file = await disk.open('/data/a', 'create');
    await file.writev([buffer], 0);
    buffer.fill('x');
    expect(await text('/data/a')).toBe('before');
  });

  it('releases its locks in a crash', async () => {
    expect(await disk.tryLock('/data/.lock')).toBeDefined();
    expect(await disk.tryLock('/data/.lock')).toBeUndefined();
    disk.crash();
    expect(await disk.tryLock('/data/.lock')).toBeDefined();
  });

  it('refuses calls on a closed file', async () => {
    const file = await durable('/data/a', 'x');
    await file.close();
    await expect(file.sizeBytes()).rejects.toMatchObject({ code: 'EBADF' });
    await expect(file.writev([Buffer.from('x')], 0)).rejects.toMatchObject({ code: 'EBADF' });
  });

  it('counts reads, writes and syncs of each path', async () => {
    const file = await durable('/data/a', 'abc');
    await file.writev([Buffer.from('d'), Buffer.from('e')], 3);
    await file.read(Buffer.alloc(1), 0, 1, 0);
    await disk.readFile('/data/a');
    expect(disk.counts('/data/a')).toStrictEqual({ reads: 2, writes: 2, syncs: 1 });
    expect(disk.counts('/data')).toStrictEqual({ reads: 0, writes: 0, syncs: 1 });
    expect(disk.counts('/data/b')).toStrictEqual({ reads: 0, writes: 0, syncs: 0 });
  });
});

describe('a crash', () => {
  it('without randomness loses all unsynced changes and nothing else', async () => {
    const file = await durable('/data/a', 'synced');
    await file.writev([Buffer.from('SYN'), Buffer.from(' and more')], 0);
    await file.truncate(1);
    await disk.open('/data/b', 'create');
    disk.crash();
    expect(await text('/data/a')).toBe('synced');
    expect(await names('/data')).toStrictEqual(['a']);
  });

  it('loses the name of a file whose directory was not synced, though its bytes were', async () => {
    const file = await disk.open('/data/a', 'create');
    await file.writev([Buffer.from('x')], 0);
    await file.datasync();
    disk.crash();
    expect(await names('/data')).toStrictEqual([]);
  });

  it('leaves an empty file where the directory was synced and the bytes were not', async () => {
    const file = await disk.open('/data/a', 'create');
    await disk.syncDirectory('/data');
    await file.writev([Buffer.from('x')], 0);
    disk.crash();
    expect(await text('/data/a')).toBe('');
  });

  it('undoes renames and removals that were not synced', async () => {
    await durable('/data/a', 'new');
    await durable('/data/b', 'old');
    await durable('/data/c', 'here');
    await disk.rename('/data/a', '/data/b');
    await disk.removeFile('/data/c');
    expect(await names('/data')).toStrictEqual(['b']);
    disk.crash();
    expect(await names('/data')).toStrictEqual(['a', 'b', 'c']);
    expect(await text('/data/b')).toBe('old');

    await disk.rename('/data/a', '/data/b');
    await disk.removeFile('/data/c');
    await disk.syncDirectory('/data');
    disk.crash();
    expect(await names('/data')).toStrictEqual(['b']);
    expect(await text('/data/b')).toBe('new');
  });

  it('keeps or loses a rename between two directories as a whole', async () => {
    await disk.makeDirectory('/data/from');
    await disk.makeDirectory('/data/to');
    await disk.open('/data/from/a', 'create');
    await disk.syncDirectory('/data');
    await disk.rename('/data/from/a', '/data/to/a');
    await disk.syncDirectory('/data/to');
    disk.crash({ random: { below: () => 0, uuid: () => '' } });
    expect(await names('/data/from')).toStrictEqual([]);
    expect(await names('/data/to')).toStrictEqual(['a']);
  });

  it('may keep a removed directory and names in it until its parent is synced', async () => {
    const seen = await outcomes(async (tried) => {
      await tried.makeDirectory('/data/t');
      await tried.syncDirectory('/data');
      await tried.open('/data/t/a', 'create');
      await tried.open('/data/t/b', 'create');
      await tried.syncDirectory('/data/t');
      await tried.removeDirectory('/data/t');
      tried.crash();
      return (await names('/data', tried)).includes('t')
        ? (await names('/data/t', tried)).join()
        : 'gone';
    });
    expect(seen).toStrictEqual(new Set(['a,b', 'a', 'b', '', 'gone']));
  });

  it('keeps or loses names in any combination', async () => {
    const seen = await outcomes(async (tried) => {
      for (const name of ['a', 'b']) await tried.open(`/data/${name}`, 'create');
      await tried.rename('/data/b', '/data/c');
      tried.crash();
      return (await names('/data', tried)).join();
    });
    expect(seen).toStrictEqual(new Set(['', 'a', 'b', 'c', 'a,b', 'a,c']));
  });

  it('keeps, loses or tears each write on its own, or leaves zeros', async () => {
    const size = 3 * SECTOR_BYTES;
    const seen = await outcomes(async (tried) => {
      const file = await durable('/data/a', 'o'.repeat(SECTOR_BYTES), tried);
      await file.writev([Buffer.alloc(size, '1')], SECTOR_BYTES);
      tried.crash();
      return text('/data/a', tried);
    });
    const written = [...seen].map((content) => {
      expect(content).toMatch(/^o{512}[1\0]*$/);
      return content.slice(SECTOR_BYTES);
    });
    expect(written).toContain('');
    expect(written).toContain('1'.repeat(size));
    expect(written).toContain('1'.repeat(SECTOR_BYTES));
    expect(written).toContain(`${'\0'.repeat(SECTOR_BYTES)}${'1'.repeat(SECTOR_BYTES)}`);
    expect(written.some((part) => /^1+$/.test(part) && part.length % SECTOR_BYTES !== 0)).toBe(
      true,
    );
    expect(written.some((part) => /^\0+$/.test(part))).toBe(true);
  });

  it('may keep a later write and lose an earlier one', async () => {
    const seen = await outcomes(async (tried) => {
      const file = await durable('/data/a', '', tried);
      await file.writev([Buffer.from('1')], 0);
      await file.writev([Buffer.from('2')], 1);
      tried.crash();
      return text('/data/a', tried);
    });
    expect(seen).toContain('');
    expect(seen).toContain('1');
    expect(seen).toContain('12');
    expect(seen).toContain('\x002');
  });

  it('never touches what a sync has covered', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.array(fc.nat({ max: 2_000 })), async (seed, lengths) => {
        const tried = new FakeDisk({ random: new SeededRandom(seed) });
        await tried.makeDirectory('/data');
        const file = await durable('/data/a', '', tried);
        let end = 0;
        for (const length of lengths) {
          await file.writev([Buffer.alloc(length, 's')], end);
          end += length;
        }
        await file.datasync();
        await file.writev([Buffer.alloc(700, 'u')], end);
        tried.crash();
        expect((await text('/data/a', tried)).slice(0, end)).toBe('s'.repeat(end));
      }),
    );
  });

  it('has the same effect for the same seed', async () => {
    const after = async (seed: number) => {
      const tried = new FakeDisk({ random: new SeededRandom(seed) });
      await tried.makeDirectory('/data');
      const file = await durable('/data/a', '', tried);
      await Promise.all([1, 2, 3].map((at) => file.writev([Buffer.alloc(999, at)], at * 500)));
      tried.crash();
      return text('/data/a', tried);
    };
    for (let seed = 0; seed < 20; seed += 1) expect(await after(seed)).toBe(await after(seed));
  });

  it('leaves nothing that a second crash could lose', async () => {
    const file = await durable('/data/a', '');
    await file.writev([Buffer.from('kept')], 0);
    disk.crash({ random: { below: () => 1, uuid: () => '' } });
    expect(await text('/data/a')).toBe('kept');
    disk.crash();
    expect(await text('/data/a')).toBe('kept');
  });
});

describe('a process from before the crash', () => {
  it('has every call rejected, while the next process works', async () => {
    const old = disk.mount();
    const file = await old.open('/data/a', 'create');
    const lock = await old.tryLock('/data/.lock');
    const writing = file.writev([Buffer.from('x')], 0);
    const opening = old.open('/data/b', 'create');
    disk.crash();
    const crashed = { name: 'MachineCrashedError' };
    await expect(writing).rejects.toMatchObject(crashed);
    await expect(opening).rejects.toMatchObject(crashed);
    await expect(file.writev([Buffer.from('x')], 0)).rejects.toMatchObject(crashed);
    await expect(file.datasync()).rejects.toMatchObject(crashed);
    await expect(old.removeDirectory('/data')).rejects.toMatchObject(crashed);

    const next = disk.mount();
    expect(await next.tryLock('/data/.lock')).toBeDefined();
    await lock?.release();
    expect(await next.tryLock('/data/.lock')).toBeUndefined();
    expect((await next.open('/data/a', 'create')).path).toBe('/data/a');
  });

  it('is stopped at any operation that a test chooses, before a sync takes effect', async () => {
    let crashAt: FaultPoint | undefined;
    const watched: FakeDisk = new FakeDisk({
      onOperation: (point) => {
        if (point === crashAt) watched.crash();
      },
    });
    await watched.makeDirectory('/data');
    const file = await durable('/data/a', 'old', watched);
    await file.writev([Buffer.from('new')], 0);
    crashAt = 'datasync';
    await expect(file.datasync()).rejects.toMatchObject({ name: 'MachineCrashedError' });
    expect(await text('/data/a', watched)).toBe('old');
  });
});

describe('a sync', () => {
  it('covers bytes written before it began, not those written while it runs', async () => {
    const file = await durable('/data/a', '');
    await file.writev([Buffer.from('a')], 0);
    const sync = file.datasync();
    const write = file.writev([Buffer.from('b')], 1);
    await Promise.all([sync, write]);
    disk.crash();
    expect(await text('/data/a')).toBe('a');
  });

  it('that fails loses the bytes that it covers, also for later syncs', async () => {
    const file = await durable('/data/a', 'old');
    await file.writev([Buffer.from('new')], 0);
    disk.failNext('datasync', 'EIO');
    await expect(file.datasync()).rejects.toMatchObject({ code: 'EIO' });
    expect(await text('/data/a')).toBe('new');
    await file.datasync();
    await file.writev([Buffer.from('!')], 3);
    await file.datasync();
    disk.crash();
    expect(await text('/data/a')).toBe('old!');
  });
});

describe('a fault', () => {
  it.each(FAULT_POINTS)('can be requested at %s, once, for a matching path', async (point) => {
    const file = await durable('/data/a', 'x');
    const calls: Record<FaultPoint, () => Promise<unknown>> = {
      open: () => disk.open('/data/a', 'create'),
      readFile: () => disk.readFile('/data/a'),
      readDirectory: () => disk.readDirectory('/data'),
      makeDirectory: () => disk.makeDirectory('/data/d'),
      rename: () => disk.rename('/data/a', '/data/a'),
      removeFile: () => disk.removeFile('/data/b'),
      removeDirectory: () => disk.removeDirectory('/data/b'),
      fileSize: () => disk.fileSize('/data/a'),
      modifiedMs: () => disk.modifiedMs('/data/a'),
      syncDirectory: () => disk.syncDirectory('/data'),
      tryLock: () => disk.tryLock('/data/l'),
      read: () => file.read(Buffer.alloc(1), 0, 1, 0),
      writev: () => file.writev([Buffer.from('y')], 0),
      truncate: () => file.truncate(1),
      datasync: () => file.datasync(),
      sizeBytes: () => file.sizeBytes(),
      close: () => file.close(),
    };
    disk.failNext(point, 'EIO', { path: '/elsewhere' });
    disk.failNext(point, 'EIO', { path: '/data' });
    await expect(calls[point]()).rejects.toMatchObject({ code: 'EIO' });
    await calls[point]();
  });

  it('may leave a partial write behind, and may happen more than once', async () => {
    const file = await durable('/data/a', '');
    disk.failNext('writev', 'ENOSPC', { afterBytes: 3, times: 2 });
    const buffers = [Buffer.from('ab'), Buffer.from('cd')];
    await expect(file.writev(buffers, 0)).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(await text('/data/a')).toBe('abc');
    await expect(file.writev(buffers, 1)).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(await text('/data/a')).toBe('aabc');
    disk.failNext('writev', 'EIO');
    disk.clearFaults();
    await file.writev(buffers, 0);
    expect(await text('/data/a')).toBe('abcd');
  });

  it('of a full disk writes what fits, and nothing more until space is freed', async () => {
    disk.capacityBytes = 6;
    const file = await durable('/data/a', 'abcd');
    const other = await disk.open('/data/b', 'create');
    await expect(other.writev([Buffer.from('12'), Buffer.from('34')], 0)).rejects.toMatchObject({
      code: 'ENOSPC',
    });
    expect(await text('/data/b')).toBe('12');
    await file.writev([Buffer.from('ABCD')], 0);
    await disk.removeFile('/data/a');
    await other.writev([Buffer.from('3456')], 2);
    expect(await text('/data/b')).toBe('123456');
    disk.capacityBytes = 7;
    await other.writev([Buffer.from('7')], 6);
  });

  it('of the medium flips bits permanently', async () => {
    const file = await durable('/data/a', 'abc');
    await file.writev([Buffer.from('d')], 3);
    disk.corrupt('/data/a', 1);
    disk.corrupt('/data/a', 3, 0x80);
    expect(await text('/data/a')).toBe('acc\xe4');
    await file.datasync();
    disk.crash();
    expect(await text('/data/a')).toBe('acc\xe4');
    expect(() => disk.corrupt('/data/a', 4)).toThrow('ENOENT');
  });
});

it('calls that overlap take effect in an order that the seed decides', async () => {
  const seen = await outcomes(async (tried) => {
    const file = await tried.open('/data/a', 'create');
    await Promise.all(['1', '2', '3'].map((digit) => file.writev([Buffer.from(digit)], 0)));
    return text('/data/a', tried);
  });
  expect(seen).toStrictEqual(new Set(['1', '2', '3']));
});
