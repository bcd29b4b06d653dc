import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeDataDirPrivate } from './private-data-dir.js';

let dataDir: string;

/** Creates a data directory as a process with umask 022 leaves it. */
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'sluice-modes-'));
  chmodSync(dataDir, 0o755);
  for (const directory of ['orders-0', 'orders-1.5f-delete']) {
    mkdirSync(join(dataDir, directory));
    chmodSync(join(dataDir, directory), 0o755);
    put(`${directory}/00000000000000000000.log`);
  }
  put('recovery-point-offset-checkpoint');
  put('coordination.json');
  put('.lock');
});

afterEach(() => rmSync(dataDir, { recursive: true }));

test('it removes all permissions of others from the data directory and its files', () => {
  expect(makeDataDirPrivate(dataDir)).toEqual([
    `8 files and directories of the data directory ${dataDir} were open to other users: ` +
      'their modes are 0600 and 0700 now.',
  ]);
  for (const directory of ['.', 'orders-0', 'orders-1.5f-delete']) {
    expect([directory, modeOf(directory)]).toEqual([directory, 0o700]);
  }
  for (const file of [
    'orders-0/00000000000000000000.log',
    'orders-1.5f-delete/00000000000000000000.log',
    'recovery-point-offset-checkpoint',
    'coordination.json',
    '.lock',
  ]) {
    expect([file, modeOf(file)]).toEqual([file, 0o600]);
  }
  expect(makeDataDirPrivate(dataDir)).toEqual([]);
});

test('it finds a wide file in a private directory', () => {
  makeDataDirPrivate(dataDir);
  chmodSync(join(dataDir, 'orders-0/00000000000000000000.log'), 0o640);
  expect(makeDataDirPrivate(dataDir)).toHaveLength(1);
  expect(modeOf('orders-0/00000000000000000000.log')).toBe(0o600);
});

test("it leaves files that are not Sluice's, and says why the directory stays open", () => {
  put('notes.txt');
  mkdirSync(join(dataDir, 'photos'), { mode: 0o755 });
  chmodSync(join(dataDir, 'photos'), 0o755);
  const sentences = makeDataDirPrivate(dataDir);
  expect(sentences[0]).toContain('is open to other users (mode 0755) and holds files that are not');
  expect([modeOf('.'), modeOf('notes.txt'), modeOf('photos')]).toEqual([0o755, 0o644, 0o755]);
  expect(modeOf('orders-0')).toBe(0o700);
});

test('it leaves a shared directory and does not follow links', () => {
  const other = mkdtempSync(join(tmpdir(), 'sluice-other-'));
  chmodSync(other, 0o755);
  symlinkSync(other, join(dataDir, 'linked-0'));
  chmodSync(dataDir, 0o1777);
  makeDataDirPrivate(dataDir);
  expect(modeOf('.')).toBe(0o1777);
  expect(statSync(other).mode & 0o7777).toBe(0o755);
  rmSync(other, { recursive: true });
});

test.skipIf(process.geteuid?.() !== 0)(
  'it names the files that only their owner may change',
  () => {
    // This stays synchronous until the user is root again, so that nothing else runs meanwhile.
    process.seteuid?.(65_534);
    let sentences: string[];
    try {
      sentences = makeDataDirPrivate(dataDir);
    } finally {
      process.seteuid?.(0);
    }
    expect(sentences).toEqual([
      expect.stringMatching(/^8 files and directories .* may not change that \(.*: EPERM\)/),
    ]);
    expect(modeOf('.')).toBe(0o755);
  },
);

test('it says nothing about a directory that does not exist yet', () => {
  expect(makeDataDirPrivate(join(dataDir, 'later'))).toEqual([]);
});

function put(name: string): void {
  writeFileSync(join(dataDir, name), '');
  chmodSync(join(dataDir, name), 0o644);
}

function modeOf(name: string): number {
  return statSync(join(dataDir, name)).mode & 0o7777;
}
