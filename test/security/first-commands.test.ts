import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';
import { AUTH_ON, ROOT_KEY } from './keys.js';

const run = promisify(execFile);

let gateway: GatewayProcess;

afterEach(() => gateway.dispose());

test('the commands that a start prints work with a key in SLUICE_API_KEY', async () => {
  gateway = await GatewayProcess.start(AUTH_ON);
  const commands = gateway.outputLines.filter((line) => /^\s*curl /.test(line));
  const env = { ...process.env, SLUICE_API_KEY: ROOT_KEY };
  const answers: string[] = [];
  for (const command of commands) {
    const { stdout } = await run('sh', ['-c', `${command} -sS --fail`], { env });
    answers.push(stdout);
  }
  expect(answers).toHaveLength(3);
  expect(JSON.parse(answers[2] as string)).toMatchObject({ records: [{ value: 'hello, log' }] });
  expect(gateway.outputLines.join('\n')).not.toContain(ROOT_KEY);
});

test('a start without authentication says that everybody may do everything', async () => {
  gateway = await GatewayProcess.start();
  expect(gateway.outputLines.join('\n')).toContain('SLUICE_AUTH=off');
});
