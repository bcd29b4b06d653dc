import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/**
 * Mounts a small file system, which is soon full; needs the right to mount.
 * @returns its path, or undefined if the machine does not allow it
 */
export function mountSmallDisk(sizeBytes: number): string | undefined {
  return mounted(['-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'tmpfs']);
}

/**
 * Creates an image of a disk with an empty ext4; needs mkfs.ext4. The file has what the disk would
 * have after a power cut, at any time: it gets what the file system has written to its disk.
 * @returns its path, or undefined if the machine does not allow it
 */
export function makeDiskImage(sizeBytes: number): string | undefined {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-image-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const image = join(directory, 'disk');
  closeSync(openSync(image, 'w'));
  truncateSync(image, sizeBytes);
  return isDone('mkfs.ext4', ['-q', image]) ? image : undefined;
}

/**
 * Mounts the image of a disk; needs the right to mount and a loop device. The file system repairs
 * itself by its journal, as after a power cut.
 * @returns its path, or undefined if the machine does not allow it
 */
export function mountDiskImage(image: string): string | undefined {
  return mounted(['-o', 'loop', image]);
}

function mounted(what: readonly string[]): string | undefined {
  const path = mkdtempSync(join(tmpdir(), 'sluice-disk-'));
  if (!isDone('mount', [...what, path])) {
    rmSync(path, { recursive: true });
    return undefined;
  }
  onTestFinished(() => {
    execFileSync('umount', [path]);
    rmSync(path, { recursive: true });
  });
  return path;
}

function isDone(command: string, args: readonly string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
