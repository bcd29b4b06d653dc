import { expect, test } from 'vitest';
import { PublicAddress } from './public-address.js';

test('the address is that of the listener, as soon as its port is known', () => {
  const address = new PublicAddress({ host: '127.0.0.1', port: 0, publicUrl: undefined });
  expect(address.knownUrl).toBeNull();
  address.listensOn(4711);
  expect(address.knownUrl).toBe('http://127.0.0.1:4711');
  expect(address.url).toBe('http://127.0.0.1:4711');
});

test.each([
  ['::1', 'http://[::1]:8080'],
  ['0.0.0.0', 'http://localhost:8080'],
  ['::', 'http://localhost:8080'],
  ['broker.example', 'http://broker.example:8080'],
])('the host %s is called %s', (host, url) => {
  expect(new PublicAddress({ host, port: 8080, publicUrl: undefined }).url).toBe(url);
});

test('a public URL is used unchanged', () => {
  const settings = { host: '0.0.0.0', port: 8080, publicUrl: 'https://sluice.example/a' };
  expect(new PublicAddress(settings).url).toBe('https://sluice.example/a');
});

test.each([
  ['https://sluice.example', '/v1/topics', '/v1/topics'],
  ['https://sluice.example/a', '/v1/topics', '/a/v1/topics'],
  ['https://sluice.example/a/b', '/try', '/a/b/try'],
  [undefined, '/try', '/try'],
])('behind the public URL %s the path %s is %s', (publicUrl, path, seen) => {
  expect(new PublicAddress({ host: '::', port: 8080, publicUrl }).pathOf(path)).toBe(seen);
});

test('the documented server is the public URL, else the URL of the document', () => {
  const settings = { host: '::', port: 8080 };
  const url = 'https://sluice.example/a';
  expect(new PublicAddress({ ...settings, publicUrl: url }).documentedServer).toBe(url);
  expect(new PublicAddress({ ...settings, publicUrl: undefined }).documentedServer).toBe('/');
});
