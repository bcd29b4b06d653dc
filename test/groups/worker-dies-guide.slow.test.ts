/** Runs the commands of docs/guide/when-a-worker-dies.md, and compares what each block prints. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { useGateway } from '../data/gateway-under-test.js';

const GUIDE = readFileSync('docs/guide/when-a-worker-dies.md', 'utf8');
const BLOCKS = [...GUIDE.matchAll(/```sh\n(.*?)```\n\n```text\n(.*?)```/gs)];
const SEPARATOR = '---';

const gateway = useGateway();

test('the commands print what the page says', async () => {
  const commands = BLOCKS.map(([, block = '']) => `${block}\necho ${SEPARATOR}\n`).join('');
  const script = commands.replaceAll('localhost:8080', new URL(gateway.url).host);
  const { stdout } = await promisify(execFile)('bash', ['-euc', script]);
  const printed = stdout.split(`${SEPARATOR}\n`).slice(0, -1);
  expect(printed).toEqual(BLOCKS.map(([, , output]) => output));
  expect(printed.length).toBeGreaterThanOrEqual(6);
});
