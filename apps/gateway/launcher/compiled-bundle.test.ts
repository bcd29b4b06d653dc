import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { CompiledBundle } from './compiled-bundle.js';

const directory = mkdtempSync(join(tmpdir(), 'sluice-bundle-'));
const path = join(directory, 'program.cjs');

afterAll(() => rmSync(directory, { recursive: true }));

test('a file runs as a CommonJS module, and from its cache once there is one', () => {
  writeFileSync(path, `exports.name = require('node:path').basename(__filename);`);
  const first = CompiledBundle.read(path);
  expect(first.isFromCache).toBe(false);
  expect(first.evaluate()).toEqual({ name: 'program.cjs' });
  first.writeCache();

  const second = CompiledBundle.read(path);
  expect(second.isFromCache).toBe(true);
  expect(second.evaluate()).toEqual({ name: 'program.cjs' });
});

test('a cache that V8 does not accept is ignored', () => {
  writeFileSync(path, 'exports.answer = 42;');
  writeFileSync(`${path}.cache`, 'of another version');
  const bundle = CompiledBundle.read(path);
  expect(bundle.isFromCache).toBe(false);
  expect(bundle.evaluate()).toEqual({ answer: 42 });
});
