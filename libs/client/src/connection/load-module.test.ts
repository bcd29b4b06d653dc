import { describe, expect, it } from 'vitest';
import { Endpoints } from './endpoints.js';
import { loadModule } from './load-module.js';
import { connectionOptions } from './options.js';

const endpointsWith = (options: object = {}): Endpoints =>
  new Endpoints(connectionOptions({ url: 'http://gateway', reconnectBackoffMs: 1, ...options }));

describe('loadModule', () => {
  it('tries again when a module cannot be loaded', async () => {
    let loads = 0;
    const module = await loadModule(endpointsWith(), () => {
      loads += 1;
      return loads < 3 ? Promise.reject(new TypeError('offline')) : Promise.resolve('module');
    });
    expect(module).toBe('module');
    expect(loads).toBe(3);
  });

  it('ends with the client', async () => {
    const endpoints = endpointsWith({ reconnectBackoffMs: 1e9, reconnectBackoffMaxMs: 1e9 });
    const loading = loadModule(endpoints, () => Promise.reject(new TypeError('offline')));
    endpoints.close();
    await expect(loading).rejects.toMatchObject({ code: 'ILLEGAL_STATE' });
  });
});
