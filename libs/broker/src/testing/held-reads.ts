import type { FileHandle, FileSystem } from '#runtime';

/**
 * A file system whose reads of segments wait, while they are held, until a test releases them.
 */
export class HeldReads {
  readonly port: FileSystem;
  isHolding = false;
  readonly #held: (() => void)[] = [];

  constructor(inner: FileSystem) {
    this.port = new Proxy(inner, {
      get: (target, name: keyof FileSystem) => {
        if (name !== 'open') return target[name].bind(target);
        return async (path: string, mode: 'read' | 'write' | 'create') =>
          this.#wrap(await target.open(path, mode));
      },
    });
  }

  /** Reads that wait. */
  get count(): number {
    return this.#held.length;
  }

  /** Releases the read that has waited longest. */
  releaseFirst(): void {
    this.#held.shift()?.();
  }

  #wrap(handle: FileHandle): FileHandle {
    if (!handle.path.endsWith('.log')) return handle;
    return new Proxy(handle, {
      get: (target, name: keyof FileHandle) => {
        if (name !== 'read') {
          const member = target[name];
          return typeof member === 'function' ? member.bind(target) : member;
        }
        return async (...args: Parameters<FileHandle['read']>) => {
          if (this.isHolding) await new Promise<void>((resolve) => this.#held.push(resolve));
          return target.read(...args);
        };
      },
    });
  }
}
