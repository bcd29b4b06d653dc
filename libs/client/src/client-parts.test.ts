import { describe, expect, it } from 'vitest';
import { Sluice } from './sluice.js';
import './testing/parts-loaded.js';
import { deferred } from './waiting.js';

/** A client of a gateway that never answers. */
function silentClient(): Sluice {
  const fetch = (_: unknown, { signal }: RequestInit = {}): Promise<Response> =>
    new Promise((_resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason as Error));
    });
  return new Sluice({ url: 'http://localhost:1', transport: 'http', fetch });
}

describe('Sluice', () => {
  it('makes nothing more while it is being closed', async () => {
    const sluice = silentClient();
    const interceptorClosed = deferred<void>();
    sluice.producer({ interceptors: [{ close: () => interceptorClosed.promise }] });
    const closed = sluice.close();
    const makers = [
      () => sluice.producer(),
      () => sluice.subscribe('t'),
      () => sluice.consumer({ group: 'g', topics: ['t'] }),
      () => sluice.queue({ group: 'q', topics: ['t'] }),
    ];
    for (const make of makers) {
      expect(make).toThrow(expect.objectContaining({ code: 'ILLEGAL_STATE' }));
    }
    interceptorClosed.resolve();
    await closed;
  });

  it('names what is wrong with options, at once', async () => {
    await using sluice = silentClient();
    const wrong = 5 as never;
    const consumer = sluice.consumer({ group: 'g', topics: ['t'] });
    const queue = sluice.queue({ group: 'q', topics: ['t'] });
    const calls: [sentence: string, call: () => unknown][] = [
      ['producer: needs an object', () => sluice.producer(null as never)],
      ['listener: must be a function', () => sluice.on('status', wrong)],
      ['signal: must be an AbortSignal', () => sluice.subscribe('t', { signal: wrong })],
      ['signal: must be an AbortSignal', () => consumer.run(() => undefined, { signal: wrong })],
      ['ordering: must be one of', () => consumer.run(() => undefined, { ordering: wrong })],
      ['signal: must be an AbortSignal', () => queue.run(() => undefined, { signal: wrong })],
    ];
    for (const [sentence, call] of calls) expect(call).toThrow(sentence);
  });

  it('ends the loop and the run of a queue that is closed before it was opened', async () => {
    const sluice = silentClient();
    const ran = sluice.queue({ group: 'q', topics: ['t'] }).run(() => undefined);
    const jobs = sluice.queue({ group: 'q', topics: ['t'] });
    const next = jobs[Symbol.asyncIterator]().next();
    await sluice.close();
    await expect(ran).resolves.toBeUndefined();
    await expect(next).resolves.toEqual({ done: true, value: undefined });
  });
});
