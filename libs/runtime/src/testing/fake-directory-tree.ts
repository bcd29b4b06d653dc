import type { Random } from '../clock.js';
import { FakeFile } from './fake-file.js';

export type FakeNode = FakeFile | FakeDirectory;

/**
 * The names in a directory, in two versions: as the running machine sees them, and as they are on
 * the platter.
 */
export class FakeDirectory {
  readonly seen = new Map<string, FakeNode>();
  readonly platter = new Map<string, FakeNode>();
}

/** One change of a name in a directory: it gets another node, or none. */
export interface NameChange {
  readonly directory: FakeDirectory;
  readonly name: string;
  readonly node: FakeNode | undefined;
}

/** An atomic change of names: one change, or the two of a rename. */
type NameOperation = readonly NameChange[];

/**
 * Result of resolving a path: the directory that holds its last name, if there is one, and the
 * node.
 */
export interface ResolvedFakePath {
  readonly directory: FakeDirectory | undefined;
  readonly name: string;
  readonly node: FakeNode | undefined;
}

/**
 * All names of a disk. A change of a name waits until its directory is synced or a crash decides
 * whether it happened. Each change is decided on its own, in no order, as POSIX promises none.
 * Names in the root are durable at once: they represent the mount points of a test.
 */
export class FakeDirectoryTree {
  readonly root = new FakeDirectory();
  #unsynced: NameOperation[] = [];

  /** Resolves a path. When a directory on the way does not exist, `directory` is undefined. */
  find(path: string): ResolvedFakePath {
    const names = namesOf(path);
    const name = names.pop();
    if (name === undefined) return { directory: undefined, name: '', node: this.root };
    let directory: FakeNode | undefined = this.root;
    for (const parent of names) {
      directory = directory instanceof FakeDirectory ? directory.seen.get(parent) : undefined;
    }
    return directory instanceof FakeDirectory
      ? { directory, name, node: directory.seen.get(name) }
      : { directory: undefined, name, node: undefined };
  }

  /** Paths from the root to this one, each one name longer. */
  static pathsTo(path: string): string[] {
    const names = namesOf(path);
    return names.map((_, index) => `/${names.slice(0, index + 1).join('/')}`);
  }

  change(...operation: NameChange[]): void {
    applyChanges(operation, 'seen');
    if (operation.every(({ directory }) => directory === this.root)) {
      applyChanges(operation, 'platter');
    } else {
      this.#unsynced.push(operation);
    }
  }

  /**
   * Begins a sync of the names that were changed in a directory until now; `succeed` makes them
   * durable.
   */
  beginSync(directory: FakeDirectory): { succeed(): void } {
    const touches = (operation: NameOperation) =>
      operation.some((change) => change.directory === directory);
    const covered = new Set(this.#unsynced.filter(touches));
    return { succeed: () => this.#makeDurable(covered) };
  }

  /** Restarts the machine: each unsynced change of a name is kept or lost on its own. */
  crash(random: Random | undefined): void {
    for (const operation of this.#unsynced) {
      if (random !== undefined && random.below(2) === 0) applyChanges(operation, 'platter');
    }
    this.#unsynced = [];
    restart(this.root, random);
  }

  /** All files that have a name. */
  files(): Set<FakeFile> {
    const files = new Set<FakeFile>();
    collectFiles(this.root, files);
    return files;
  }

  #makeDurable(covered: ReadonlySet<NameOperation>): void {
    let waiting: NameOperation[] = [];
    for (const operation of this.#unsynced) {
      if (covered.has(operation)) {
        applyChanges(operation, 'platter');
        // This change replaces earlier changes of the same name.
        waiting = waiting.map((earlier) =>
          earlier.filter((change) => !overtakes(operation, change)),
        );
      } else {
        waiting.push(operation);
      }
    }
    this.#unsynced = waiting.filter((operation) => operation.length > 0);
  }
}

function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}

function applyChanges(operation: NameOperation, to: 'seen' | 'platter'): void {
  for (const { directory, name, node } of operation) {
    if (node === undefined) directory[to].delete(name);
    else directory[to].set(name, node);
  }
}

function overtakes(operation: NameOperation, change: NameChange): boolean {
  return operation.some(
    ({ directory, name }) => directory === change.directory && name === change.name,
  );
}

function restart(directory: FakeDirectory, random: Random | undefined): void {
  directory.seen.clear();
  for (const [name, node] of directory.platter) {
    directory.seen.set(name, node);
    if (node instanceof FakeDirectory) restart(node, random);
    else node.crash(random);
  }
}

function collectFiles(directory: FakeDirectory, files: Set<FakeFile>): void {
  for (const node of directory.seen.values()) {
    if (node instanceof FakeFile) files.add(node);
    else collectFiles(node, files);
  }
}
