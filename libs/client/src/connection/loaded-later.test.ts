import { describe, expect, it, vi } from 'vitest';
import { deferred } from '../waiting.js';
import { loadedLater } from './loaded-later.js';

class Link {
  readonly calls: string[] = [];

  commit(offset: number): Promise<number> {
    this.calls.push(`commit ${offset}`);
    return Promise.resolve(offset);
  }

  read(): void {
    this.calls.push('read');
  }

  close(): Promise<void> {
    this.calls.push('close');
    return Promise.resolve();
  }
}

describe('loadedLater', () => {
  it('makes the calls of the time before in their order, and later ones after them', async () => {
    const loading = deferred<() => Link>();
    const real = new Link();
    const link = loadedLater(loading.promise, ['commit', 'read'], () => undefined);
    const first = link.commit(1);
    link.read();
    // This one comes when the module has just been loaded.
    const second = loading.promise.then(() => link.commit(2));
    loading.resolve(() => real);
    expect(await Promise.all([first, second])).toEqual([1, 2]);
    await link.close();
    expect(real.calls).toEqual(['commit 1', 'read', 'commit 2', 'close']);
  });

  it('reports a module that cannot be loaded once, and refuses all calls', async () => {
    const failed = vi.fn();
    const error = new Error('offline');
    const loading = deferred<() => Link>();
    const link = loadedLater(loading.promise, ['commit', 'read'], failed);
    const early = link.commit(1);
    loading.reject(error);
    await expect(early).rejects.toBe(error);
    await expect(link.commit(2)).rejects.toBe(error);
    link.read();
    await link.close();
    expect(failed.mock.calls).toEqual([[error]]);
  });

  it('makes nothing when it is closed before, and does not wait for the module', async () => {
    const make = vi.fn(() => new Link());
    const loading = deferred<() => Link>();
    const link = loadedLater(loading.promise, ['commit', 'read'], () => undefined);
    const early = link.commit(1);
    await link.close();
    await expect(early).rejects.toMatchObject({ code: 'ILLEGAL_STATE' });
    loading.resolve(make);
    await loading.promise;
    expect(make).not.toHaveBeenCalled();
  });
});
