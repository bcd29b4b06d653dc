import type { FileHandle, FileSystem } from '#runtime';

/** A disk whose syncs take as long as a test wants. */
export class SlowSyncs {
  isSlow = false;
  #waiting: (() => void)[] = [];

  wrap(fileSystem: FileSystem): FileSystem {
    const open = async (path: string, mode: 'read' | 'write' | 'create'): Promise<FileHandle> =>
      this.#wrapFile(await fileSystem.open(path, mode));
    return new Proxy(fileSystem, {
      get: (target, name) => {
        if (name === 'open') return open;
        const member: unknown = Reflect.get(target, name);
        return typeof member === 'function' ? member.bind(target) : member;
      },
    });
  }

  /** Releases all syncs, including later ones. */
  finish(): void {
    this.isSlow = false;
    for (const release of this.#waiting.splice(0)) release();
  }

  #wrapFile(file: FileHandle): FileHandle {
    return {
      path: file.path,
      syncsWrites: file.syncsWrites,
      read: (target, targetStart, length, position) =>
        file.read(target, targetStart, length, position),
      writev: (buffers, position) => file.writev(buffers, position),
      truncate: (sizeBytes) => file.truncate(sizeBytes),
      datasync: async () => {
        if (this.isSlow) await new Promise<void>((resolve) => this.#waiting.push(resolve));
        await file.datasync();
      },
      sizeBytes: () => file.sizeBytes(),
      close: () => file.close(),
    };
  }
}
