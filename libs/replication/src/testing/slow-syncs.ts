import type { FileHandle, FileSystem } from '#runtime';

/** A file system whose syncs of files wait for `beforeSync` first. */
export function withSlowSyncs(
  inner: FileSystem,
  beforeSync: (path: string) => Promise<void>,
): FileSystem {
  const open = async (path: string, mode: 'read' | 'write' | 'create'): Promise<FileHandle> => {
    const handle = await inner.open(path, mode);
    const datasync = async (): Promise<void> => {
      await beforeSync(path);
      await handle.datasync();
    };
    return new Proxy(handle, {
      get: (target, name: keyof FileHandle) => {
        if (name === 'datasync') return datasync;
        const member = target[name];
        return typeof member === 'function' ? member.bind(target) : member;
      },
    });
  };
  return new Proxy(inner, {
    get: (target, name: keyof FileSystem) => (name === 'open' ? open : target[name].bind(target)),
  });
}
