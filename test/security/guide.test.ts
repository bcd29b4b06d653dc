/** Runs the commands of docs/guide/security.md, and compares the answers it shows. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';

const GUIDE = readFileSync('docs/guide/security.md', 'utf8');
const run = promisify(execFile);

/** Commands, each with the answer that the guide shows after them, if any. */
function blocks(): { readonly commands: string; readonly answer: string | undefined }[] {
  const found = GUIDE.matchAll(/```sh\n(.*?)```(?:\s+```json\n(.*?)```)?/gsu);
  return Array.from(found, ([, commands = '', answer]) => ({ commands, answer: answer?.trim() }));
}

test('the guide to keys shows what the gateway answers', async () => {
  const cwd = await mkdtemp(join(tmpdir(), 'sluice-test-'));
  onTestFinished(() => rm(cwd, { recursive: true }));
  const [first, ...others] = blocks();
  await run('bash', ['-c', first?.commands ?? ''], { cwd });
  const gateway = await GatewayProcess.start({
    SLUICE_AUTH: 'on',
    SLUICE_BOOTSTRAP_API_KEY_FILE: join(cwd, 'root.key'),
  });
  onTestFinished(() => gateway.dispose());
  const { host } = new URL(gateway.url);
  expect(others.filter(({ answer }) => answer !== undefined)).toHaveLength(3);
  for (const { commands, answer } of others) {
    const command = commands.replaceAll('localhost:8080', host);
    const { stdout } = await run('bash', ['-ec', command], { cwd });
    // A problem document has its status.
    if (answer === undefined) expect(stdout).not.toContain('"status":');
    else expect(JSON.parse(stdout)).toEqual(JSON.parse(answer));
  }
});
