import { expect, test } from 'vitest';
import { ProtocolError } from '#protocol';
import { offsetNumber, partitionNumber } from './path-numbers.js';

test.each([
  ['0', 0],
  ['7', 7],
  ['2147483647', 2_147_483_647],
])('%s is a partition', (text, partition) => {
  expect(partitionNumber(text)).toBe(partition);
});

test.each(['', '-1', '01', '1.0', '2147483648', '99999999999'])('%j is not a partition', (text) => {
  expect(() => partitionNumber(text)).toThrow(ProtocolError);
});

test.each([
  ['0', 0],
  ['9007199254740991', 9_007_199_254_740_991],
])('%s is an offset', (text, offset) => {
  expect(offsetNumber(text)).toBe(offset);
});

test.each(['', '-1', '01', '1.0', '9007199254740992', '1e3'])('%j is not an offset', (text) => {
  expect(() => offsetNumber(text)).toThrow(ProtocolError);
});
