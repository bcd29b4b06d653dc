import type { Random } from '../clock.js';
import { FakeFile } from './fake-file.js';

export type FakeNode = FakeFile | FakeDirectory;

/**
 * The names in a directory twice: as the running machine sees them, and as they stand on the
 * platter.
 */
export class FakeDirectory {
  readonly seen = new Map<string, FakeNode>();
  readonly platter = new Map<string, FakeNode>();
}

/** A name in a directory gets another node, or none. */
export interface NameChange {
  readonly directory: FakeDirectory;
  readonly name: string;
  readonly node: FakeNode | undefined;
}

/** What happens whole or not at all: one change, or the two of a rename. */
type NameOperation = readonly NameChange[];

/** Where a path leads: the directory that holds its last name, if there is one, and the node. */
export interface FakePlace {
  readonly directory: FakeDirectory | undefined;
  readonly name: string;
  readonly node: FakeNode | undefined;
}

/**
 * All names of a disk. A change of a name waits until a sync of its directory, or a crash decides
 * whether it happened, each on its own: no order is kept among them, as POSIX does not promise one.
 * Names in the root are durable at once: they stand for the mount points of a test.
 */
export class FakeDirectoryTree {
  readonly root = new FakeDirectory();
  #unsynced: NameOperation[] = [];

  /** Resolves a path; directories on the way that do not exist leave `directory` undefined. */
  find(path: string): FakePlace {
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

  /** Paths from the root to this one, each with one name more. */
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
   * Begins a sync of the names changed in a directory until now; it has an effect when it succeeds.
   */
  beginSync(directory: FakeDirectory): { succeed(): void } {
    const touches = (operation: NameOperation) =>
      operation.some((change) => change.directory === directory);
    const covered = new Set(this.#unsynced.filter(touches));
    return { succeed: () => this.#makeDurable(covered) };
  }

  /** The machine restarts: unsynced changes of names happened or not, each on its own. */
  crash(random: Random | undefined): void {
    for (const operation of this.#unsynced) {
      if (random !== undefined && random.below(2) === 0) applyChanges(operation, 'platter');
    }
    this.#unsynced = [];
    restart(this.root, random);
  }

  /** Every file that has a name. */
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
        // What an earlier change did to the same name is overtaken.
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
