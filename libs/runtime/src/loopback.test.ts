import { expect, it } from 'vitest';
import { isLoopback } from './loopback.js';

it.each(['localhost', '127.0.0.1', '127.1.2.3', '::1'])('%s is reached from here alone', (host) => {
  expect(isLoopback(host)).toBe(true);
});

it.each([
  '0.0.0.0',
  '::',
  '10.0.0.1',
  '127.example.com',
  '127.0.0.1.example.com',
  'localhost.evil',
])('%s may be reached from elsewhere', (host) => {
  expect(isLoopback(host)).toBe(false);
});
