import { describe, expect, it } from 'vitest';
import { splitUrl } from './request-url.js';

describe('splitUrl', () => {
  it.each([
    ['/a?b=c', '/a', 'b=c'],
    ['/a', '/a', ''],
    ['/a?', '/a', ''],
    ['/a?b?c', '/a', 'b?c'],
    ['http://host:1/a?b', '/a', 'b'],
    ['HTTP://host', '/', ''],
    ['http://host?x=1', '/', 'x=1'],
    ['*', '*', ''],
  ])('%s', (url, path, search) => {
    expect(splitUrl(url)).toEqual({ path, search });
  });
});
