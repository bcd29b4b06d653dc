import { chmodSync, type Dirent, lstatSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;
/** Permissions of the group and of others. */
const OF_OTHERS = 0o077;
/** A directory with this bit, such as /tmp, is shared on purpose. */
const STICKY = 0o1000;

/** Names of partition directories, including those that are deleted or quarantined. */
const OWN_DIRECTORY = /-\d+(\..*-(delete|stray))?$/;
const OWN_FILE =
  /^(\.(lock|reserve|kafka_cleanshutdown|last-seen-time|log-starts-recorded)|[a-z-]+-offset-checkpoint|producer-tokens\.key|(coordination|meta|producer-id-block)\.json|(metadata|security|revocations)\.journal)(\.\w+)*$/;
/** mkfs creates this directory at the root of a file system. */
const LOST_AND_FOUND = 'lost+found';

/**
 * Removes the permissions of the group and of others from the data directory and everything that
 * Sluice keeps in it. Files of an earlier version may have them, or a directory that was created or
 * copied by hand. New files get no such permissions (umask).
 *
 * Files that are not Sluice's stay as they are, and so does a data directory that holds some or is
 * shared. Synchronous: it runs once, before the gateway serves anybody.
 * @returns sentences for the operator about what was changed and what could not be
 */
export function makeDataDirPrivate(dataDir: string): string[] {
  const mode = new TightenedModes();
  let entries: Dirent[];
  try {
    entries = readdirSync(dataDir, { withFileTypes: true });
  } catch {
    // It does not exist yet, or the start is about to fail with the reason.
    return [];
  }
  for (const entry of entries) {
    const path = join(dataDir, entry.name);
    if (entry.isFile() && OWN_FILE.test(entry.name)) mode.tighten(path, FILE_MODE);
    else if (entry.isDirectory() && OWN_DIRECTORY.test(entry.name)) tightenPartition(path, mode);
  }
  const { mode: ofDataDir } = statSync(dataDir);
  const isShared = (ofDataDir & STICKY) !== 0 || entries.some((entry) => !isOwn(entry));
  if (!isShared) mode.tighten(dataDir, DIRECTORY_MODE);
  else if ((ofDataDir & OF_OTHERS) !== 0) {
    mode.warnings.push(
      `The data directory ${dataDir} is open to other users (mode ${octal(ofDataDir)}) and holds files ` +
        "that are not Sluice's: its permissions stay. Give Sluice a directory of its own.",
    );
  }
  return mode.sentences(dataDir);
}

function isOwn(entry: Dirent): boolean {
  if (entry.name === LOST_AND_FOUND) return true;
  return entry.isDirectory() ? OWN_DIRECTORY.test(entry.name) : OWN_FILE.test(entry.name);
}

function tightenPartition(directory: string, mode: TightenedModes): void {
  mode.tighten(directory, DIRECTORY_MODE);
  try {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (entry.isFile()) mode.tighten(join(directory, entry.name), FILE_MODE);
    }
  } catch {
    // A directory that cannot be read is reported when its log is opened.
  }
}

/** Counts the changed paths and remembers the first path that could not be changed. */
class TightenedModes {
  readonly warnings: string[] = [];
  #changed = 0;
  #refused = 0;
  #firstRefusal = '';

  tighten(path: string, mode: number): void {
    try {
      if ((lstatSync(path).mode & OF_OTHERS) === 0) return;
      chmodSync(path, mode);
      this.#changed += 1;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return;
      this.#refused += 1;
      this.#firstRefusal ||= `${path}: ${code}`;
    }
  }

  sentences(dataDir: string): string[] {
    const sentences = [...this.warnings];
    if (this.#changed > 0) {
      sentences.push(
        `${this.#changed} files and directories of the data directory ${dataDir} were open to other ` +
          'users: their modes are 0600 and 0700 now.',
      );
    }
    if (this.#refused > 0) {
      sentences.push(
        `${this.#refused} files and directories of the data directory ${dataDir} are open to other users, ` +
          `and this process may not change that (${this.#firstRefusal}): their owner must.`,
      );
    }
    return sentences;
  }
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}
