import { expect, test } from 'vitest';
import { clusterUrlOf } from './cluster-address.js';

const HERE = { clusterHost: '10.0.0.1', clusterUrl: undefined, clusterTlsCaFile: undefined };

test('other brokers are told the address that is listened on', () => {
  expect(clusterUrlOf(HERE, 9080)).toBe('http://10.0.0.1:9080');
  expect(clusterUrlOf({ ...HERE, clusterHost: '::1' }, 9080)).toBe('http://[::1]:9080');
});

test('with TLS it is https', () => {
  expect(clusterUrlOf({ ...HERE, clusterTlsCaFile: 'ca.pem' }, 9080)).toBe('https://10.0.0.1:9080');
});

test('a URL that is set is told as it is', () => {
  const clusterUrl = 'http://broker-1:9080';
  expect(clusterUrlOf({ ...HERE, clusterHost: '0.0.0.0', clusterUrl }, 9080)).toBe(clusterUrl);
});
