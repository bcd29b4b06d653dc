import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { withSourceLines } from './source-lines.js';

const directory = mkdtempSync(join(tmpdir(), 'sluice-lines-'));
const bundle = join(directory, 'program.cjs');

afterAll(() => rmSync(directory, { recursive: true }));

test('frames of a bundle name the source file and line, others stay unchanged', () => {
  const ranges = [
    { file: 'libs/log/src/log.ts', from: 10, lines: [3, 4, 8] },
    { file: 'libs/log/src/segment/segment.ts', from: 20, lines: [1] },
  ];
  writeFileSync(`${bundle}.lines`, JSON.stringify(ranges));
  const stack = [
    'Error: no',
    `    at Log.append (${bundle}:12:7)`,
    `    at async ${bundle}:20:1`,
    `    at inAPackage (${bundle}:13:1)`,
    '    at /tmp/other.cjs:1:2',
  ].join('\n');
  expect(withSourceLines(stack)).toBe(
    [
      'Error: no',
      '    at Log.append (libs/log/src/log.ts:8)',
      '    at async libs/log/src/segment/segment.ts:1',
      `    at inAPackage (${bundle}:13:1)`,
      '    at /tmp/other.cjs:1:2',
    ].join('\n'),
  );
});
