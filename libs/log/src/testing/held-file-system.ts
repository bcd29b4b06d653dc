import type { FileHandle, FileSystem } from '#runtime';

/** A sync that waits until the test releases it. */
export interface HeldSync {
  readonly path: string;
  release(): void;
}

/**
 * A file system whose datasyncs wait, where the path contains `heldPath`, until a test releases
 * them.
 */
export class HeldFileSystem {
  heldPath: string | undefined;
  readonly held: HeldSync[] = [];
  readonly port: FileSystem;
  readonly #inner: FileSystem;

  constructor(inner: FileSystem) {
    this.#inner = inner;

    this.port = new Proxy(inner, {
      get: (target, name: keyof FileSystem) => {
        if (name === 'open') {
          return (path: string, mode: 'read' | 'write' | 'create') => this.#open(path, mode);
        }
        return target[name].bind(target);
      },
    });
  }

  releaseAll(): void {
    this.heldPath = undefined;
    for (const sync of this.held.splice(0)) sync.release();
  }

  async #open(path: string, mode: 'read' | 'write' | 'create'): Promise<FileHandle> {
    const handle = await this.#inner.open(path, mode);
    return new Proxy(handle, {
      get: (target, name: keyof FileHandle) => {
        if (name === 'datasync') return () => this.#datasync(target);
        const member = target[name];
        return typeof member === 'function' ? member.bind(target) : member;
      },
    });
  }

  async #datasync(handle: FileHandle): Promise<void> {
    if (this.heldPath !== undefined && handle.path.includes(this.heldPath)) {
      await new Promise<void>((release) => this.held.push({ path: handle.path, release }));
    }
    return handle.datasync();
  }
}
