import { describe, expect, it } from 'vitest';
import { javaStringHashCode, partitionForGroup } from './group-partition.js';

describe('javaStringHashCode', () => {
  it.each([
    ['', 0],
    ['a', 97],
    ['hello', 99162322],
    ['polygenelubricants', -2147483648],
    // A text with code units beyond Latin-1; the value was computed with unbounded integers.
    ['ключ', 33309882],
    ['\u{1f600}', 1772899],
  ])('hashes %j as Java does', (text, hash) => {
    expect(javaStringHashCode(text)).toBe(hash);
  });
});

describe('partitionForGroup', () => {
  it('uses the absolute value of the hash, and 0 where that is not an int', () => {
    expect(partitionForGroup('hello', 50)).toBe(22);
    expect(partitionForGroup('polygenelubricants', 50)).toBe(0);
    expect(partitionForGroup('console-consumer', 16)).toBeLessThan(16);
  });
});
