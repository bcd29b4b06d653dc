import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

describe('the names of the documents', () => {
  it('the documents at the top of docs are named in upper case', () => {
    const pages = readdirSync('docs').filter((name) => name.endsWith('.md'));
    expect(pages.filter((name) => !/^[A-Z]+(-[A-Z]+)*\.md$/.test(name))).toEqual([]);
  });
});
