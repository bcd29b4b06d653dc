/** Runs the commands of docs/guide/resetting-groups.md, and compares the answers it shows. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { useGateway } from '../data/gateway-under-test.js';

const GUIDE = readFileSync('docs/guide/resetting-groups.md', 'utf8');
const run = promisify(execFile);

const gateway = useGateway();

/** Commands, each with the answer that the guide shows for the last one of its block, if any. */
function blocks(): { readonly commands: string; readonly answer: string | undefined }[] {
  const found = GUIDE.matchAll(/```sh\n(.*?)```(?:\s+```json\n(.*?)```)?/gsu);
  return Array.from(found, ([, commands = '', answer]) => ({ commands, answer: answer?.trim() }));
}

test('the guide to resets shows what the gateway answers', async () => {
  const { host } = new URL(gateway.url);
  const shown = blocks();
  expect(shown.filter(({ answer }) => answer !== undefined)).toHaveLength(4);
  for (const { commands, answer } of shown) {
    let stdout = '';
    for (const command of commands.replaceAll('localhost:8080', host).split(/^(?=curl )/mu)) {
      ({ stdout } = await run('bash', ['-c', command]));
      // A problem document has its status.
      expect(stdout).not.toContain('"status":');
    }
    if (answer !== undefined) expect(JSON.parse(stdout)).toEqual(JSON.parse(answer));
  }
});
