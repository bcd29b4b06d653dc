import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { licencesOf } from '../../scripts/third-party-licences.js';

let root: string;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'sluice-licences-'));
  write('node_modules/plain/package.json', '{ "name": "plain", "version": "1.0.0" }');
  write('node_modules/plain/LICENSE.md', 'Text of plain.\n');
  write('node_modules/plain/NOTICE', 'Notice of plain.\n');
  write('node_modules/@scope/named/package.json', NAMED);
  write('node_modules/@scope/named/node_modules/plain/package.json', OLDER);
  write('node_modules/@scope/named/node_modules/plain/COPYING', 'Text of older plain.\n');
  write('node_modules/bare/package.json', '{ "name": "bare", "version": "2.0.0" }');
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

test('each package of a bundle is named once, with its licence and its notice', () => {
  const text = licencesOf(
    [
      'src/own.js',
      'node_modules/plain/index.js',
      'node_modules/plain/lib/other.js',
      'node_modules/@scope/named/index.js',
      'node_modules/@scope/named/node_modules/plain/index.js',
    ].map((path) => join(root, path)),
  );
  const parts = text.split(/\n\n-{80}\n\n/).slice(1);
  expect(parts.map((part) => part.trim())).toEqual([
    '@scope/named 3.0.0\n\nMIT\nCopyright (c) Ada',
    'plain 0.9.0\n\nText of older plain.',
    'plain 1.0.0\n\nText of plain.\n\nNotice of plain.',
  ]);
});

test('a package that names no licence ends the build', () => {
  const paths = [join(root, 'node_modules/bare/index.js')];
  expect(() => licencesOf(paths)).toThrow('bare 2.0.0 names no licence');
});

const NAMED = '{ "name": "@scope/named", "version": "3.0.0", "license": "MIT", "author": "Ada" }';
const OLDER = '{ "name": "plain", "version": "0.9.0" }';

function write(path: string, text: string): void {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
