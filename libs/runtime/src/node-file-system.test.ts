import { fork } from 'node:child_process';
import { once } from 'node:events';
import { constants, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { platform } from 'node:process';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { NodeFileSystem } from './node-file-system.js';

const fileSystem = new NodeFileSystem();
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-file-system-'));
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

it.runIf(platform === 'linux')('asks the system to sync the writes of a file', async () => {
  const flagsOf = async (path: string, syncsWrites: boolean): Promise<number> => {
    const file = await fileSystem.open(path, 'create', { syncsWrites });
    expect(file.syncsWrites).toBe(syncsWrites);
    for (const descriptor of await readdir('/proc/self/fd')) {
      const target = await readlink(`/proc/self/fd/${descriptor}`).catch(() => undefined);
      if (target !== path) continue;
      const info = await readFile(`/proc/self/fdinfo/${descriptor}`, 'utf8');
      await file.close();
      return Number.parseInt(/^flags:\s+(\d+)$/m.exec(info)?.[1] ?? '', 8);
    }
    throw new Error(`${path} is not open`);
  };
  const plain = await flagsOf(join(directory, 'plain.log'), false);
  const synced = await flagsOf(join(directory, 'synced.log'), true);
  expect(synced & ~plain).toBe(constants.O_DSYNC);
});

it('rejects a write that the disk does not take with the code of the error', async () => {
  const full = await fileSystem.open('/dev/full', 'write');
  const buffers = [Buffer.alloc(10), Buffer.alloc(10)];
  await expect(full.writev(buffers, 0)).rejects.toMatchObject({ code: 'ENOSPC' });
  await expect(full.writev(buffers.slice(1), 0)).rejects.toMatchObject({ code: 'ENOSPC' });
  await full.close();
});

it('rejects a read or a truncation that is refused with the code of the error', async () => {
  const folder = await fileSystem.open(directory, 'read');
  await expect(folder.read(Buffer.alloc(1), 0, 1, 0)).rejects.toMatchObject({ code: 'EISDIR' });
  await expect(folder.truncate(0)).rejects.toMatchObject({ code: 'EINVAL' });
  await folder.close();
});

it('a lock ends with the process that holds it', async () => {
  const lockPath = join(directory, '.lock');
  const holder = join(directory, 'holder.cjs');
  await writeFile(
    holder,
    `const { tryLock } = require(process.argv[3]);
     const descriptor = require('node:fs').openSync(process.argv[2], 'a+');
     process.send(tryLock(descriptor));
     setInterval(() => undefined, 1000);`,
  );
  const extensions = join(import.meta.dirname, '../../../node_modules/fs-native-extensions');
  const child = fork(holder, [lockPath, extensions]);
  const exited = once(child, 'exit');
  try {
    const [isLocked] = await once(child, 'message');
    expect(isLocked).toBe(true);
    expect(await fileSystem.tryLock(lockPath)).toBeUndefined();
  } finally {
    child.kill('SIGKILL');
    await exited;
  }
  const lock = await fileSystem.tryLock(lockPath);
  expect(lock).toBeDefined();
  await lock?.release();
});

it('a lock is taken from a holder that ends soon after it was asked for', async () => {
  const lockPath = join(directory, '.lock');
  const first = await fileSystem.tryLock(lockPath);
  const second = fileSystem.tryLock(lockPath);
  // The file is opened and the lock refused before a third file is opened.
  await readFile(lockPath);
  await first?.release();
  const lock = await second;
  expect(lock).toBeDefined();
  await lock?.release();
});
