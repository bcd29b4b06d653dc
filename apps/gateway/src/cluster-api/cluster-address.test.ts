import { expect, test } from 'vitest';
import { clusterUrlOf } from './cluster-address.js';

const HERE = { clusterHost: '10.0.0.1', clusterUrl: undefined, clusterTlsCaFile: undefined };

test('the address of the listener is registered', () => {
  expect(clusterUrlOf(HERE, 9080)).toBe('http://10.0.0.1:9080');
  expect(clusterUrlOf({ ...HERE, clusterHost: '::1' }, 9080)).toBe('http://[::1]:9080');
});

test('the URL has https with TLS', () => {
  expect(clusterUrlOf({ ...HERE, clusterTlsCaFile: 'ca.pem' }, 9080)).toBe('https://10.0.0.1:9080');
});

test('a configured URL is registered unchanged', () => {
  const clusterUrl = 'http://broker-1:9080';
  expect(clusterUrlOf({ ...HERE, clusterHost: '0.0.0.0', clusterUrl }, 9080)).toBe(clusterUrl);
});
