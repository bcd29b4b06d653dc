/** Runs the blocks of docs/guide/client.md as one program, as they are there. */
import { readFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import * as client from '#client';
import { useGateway } from '../data/gateway-under-test.js';

const GUIDE = readFileSync('docs/guide/client.md', 'utf8');

const gateway = useGateway();

test('the program of the guide runs to its end', async () => {
  const blocks = [...GUIDE.matchAll(/```js\n(.*?)```/gs)].map(([, code = '']) => code);
  const program = blocks
    .join('')
    .replace(/^import .*$/m, '')
    .replace('http://localhost:8080', gateway.url);
  const lines: string[] = [];
  const log = (...parts: readonly unknown[]): void => void lines.push(parts.map(String).join(' '));
  await runInNewContext(`(async () => {${program}})()`, {
    ...client,
    AbortController,
    console: { log, error: (problem: unknown) => expect.fail(String(problem)) },
  });
  expect(lines).toContain('enough');
  expect(lines).toContain('done');
  expect(lines.at(0)).toBe(`connected ${gateway.url}`);
  expect(lines.at(-1)).toBe(`closed ${gateway.url}`);
  expect(lines).toContainEqual(expect.stringMatching(/^written to \d at 0$/));
});
