import { expect, test } from 'vitest';
import { clusterUrlOf } from './cluster-address.js';

const HERE = { clusterHost: '10.0.0.1', clusterUrl: undefined };

test('the address of the listener is registered', () => {
  expect(clusterUrlOf(HERE, false, 9080)).toBe('http://10.0.0.1:9080');
  expect(clusterUrlOf({ ...HERE, clusterHost: '::1' }, false, 9080)).toBe('http://[::1]:9080');
});

test('the URL has https with TLS', () => {
  expect(clusterUrlOf(HERE, true, 9080)).toBe('https://10.0.0.1:9080');
});

test('a configured URL is registered unchanged', () => {
  const clusterUrl = 'http://broker-1:9080';
  const settings = { ...HERE, clusterHost: '0.0.0.0', clusterUrl };
  expect(clusterUrlOf(settings, false, 9080)).toBe(clusterUrl);
});
