/** The files of an index of delayed records in a partition's directory. */
import { join } from 'node:path';
import type { FileSystem } from '#runtime';
import { DamagedRunError, DelayedRun } from './delayed-run.js';
import { isRunFileName } from './delayed-run-file.js';

/**
 * Opens the runs in the order of their offsets. Runs that are damaged or leave a gap make the index
 * incomplete: then all files are removed.
 * @returns none when the index has to be built again
 */
export async function openRuns(fileSystem: FileSystem, directory: string): Promise<DelayedRun[]> {
  const names = await runNames(fileSystem, directory);
  const runs: DelayedRun[] = [];
  try {
    for (const name of names.toSorted()) {
      runs.push(await DelayedRun.open(fileSystem, join(directory, name)));
    }
  } catch (error) {
    if (!(error instanceof DamagedRunError)) throw error;
    await removeRuns(fileSystem, directory);
    return [];
  }
  const isWhole = runs.every(({ header }, at) => {
    const before = runs[at - 1];
    return header.from <= header.to && (before === undefined || before.header.to === header.from);
  });
  if (isWhole) return runs;
  await removeRuns(fileSystem, directory);
  return [];
}

/** Removes all runs, the newest first: those that a crash leaves cover a part without gaps. */
export async function removeRuns(fileSystem: FileSystem, directory: string): Promise<void> {
  const names = await runNames(fileSystem, directory);
  for (const name of names.toSorted().toReversed()) {
    await fileSystem.removeFile(join(directory, name));
  }
  if (names.length > 0) await fileSystem.syncDirectory(directory);
}

async function runNames(fileSystem: FileSystem, directory: string): Promise<string[]> {
  const entries = await fileSystem.readDirectory(directory);
  return entries.map(({ name }) => name).filter(isRunFileName);
}
