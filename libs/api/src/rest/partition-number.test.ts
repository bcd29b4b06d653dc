import { expect, test } from 'vitest';
import { ProtocolError } from '#protocol';
import { partitionNumber } from './partition-number.js';

test.each([
  ['0', 0],
  ['7', 7],
  ['2147483647', 2_147_483_647],
])('%s is a partition', (text, partition) => {
  expect(partitionNumber(text)).toBe(partition);
});

test.each(['', '-1', '01', '1.0', '2147483648', '99999999999'])('%j is no partition', (text) => {
  expect(() => partitionNumber(text)).toThrow(ProtocolError);
});
