import { getEventListeners } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { Endpoints } from './endpoints.js';
import { connectionOptions } from './options.js';

test('a client hears of the network until it is closed', () => {
  const network = new EventTarget();
  const platform = globalThis as { addEventListener?: unknown };
  const own = Object.getOwnPropertyDescriptor(platform, 'addEventListener');
  platform.addEventListener = network.addEventListener.bind(network);
  onTestFinished(() => {
    delete platform.addEventListener;
    if (own !== undefined) Object.defineProperty(platform, 'addEventListener', own);
  });
  const endpoints = new Endpoints(connectionOptions({ url: 'http://gateway' }));
  let heard = 0;
  const drop = endpoints.onNetwork(() => {
    heard += 1;
  });
  network.dispatchEvent(new Event('online'));
  network.dispatchEvent(new Event('offline'));
  expect(heard).toBe(2);
  drop();
  network.dispatchEvent(new Event('online'));
  expect(heard).toBe(2);
  endpoints.close();
  for (const type of ['online', 'offline']) expect(getEventListeners(network, type)).toEqual([]);
});
