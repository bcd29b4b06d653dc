import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AUTH_ON, keyWith, type TestKey } from '../security/keys.js';
import { GatewayProcess } from '../support/gateway.js';
import { Cli } from './cli-process.js';

const NOWHERE = 'http://127.0.0.1:1';
const home = mkdtempSync(join(tmpdir(), 'sluice-cli-contexts-'));

let gateway: GatewayProcess;
let ofContext: TestKey;
let other: TestKey;
let otherFile: string;

beforeAll(async () => {
  gateway = await GatewayProcess.start(AUTH_ON);
  ofContext = await keyWith(gateway, []);
  other = await keyWith(gateway, []);
  otherFile = fileOf('other', other.key);
  const { url } = gateway;
  const files = ['--api-key-file', fileOf('context', ofContext.key)];
  await cli().print(['contexts', 'set', 'mine', '--url', url, ...files]);
  const tokens = ['--token-file', fileOf('token', ofContext.key)];
  await cli().print(['contexts', 'set', 'token', '--url', url, ...tokens]);
});

afterAll(async () => {
  await gateway?.dispose();
  rmSync(home, { recursive: true, force: true });
});

function cli(url = ''): Cli {
  return new Cli(url, home);
}

function fileOf(name: string, text: string): string {
  const path = join(home, name);
  writeFileSync(path, `${text}\n`);
  return path;
}

/** The first line of `whoami`, with variables. */
async function callerOf(
  args: readonly string[],
  variables: Readonly<Record<string, string>> = {},
  url = '',
): Promise<string> {
  const running = cli(url).start([...args, 'whoami'], variables);
  running.child.stdin?.end();
  const { stdout, stderr } = await running.end();
  return (stdout || stderr).split('\n')[0] ?? '';
}

test('the first context is in use, and a variable counts before its key', async () => {
  expect(await callerOf([])).toBe(`key:${ofContext.id}`);
  expect(await callerOf([], { SLUICE_API_KEY: other.key })).toBe(`key:${other.id}`);
});

test('a context that is named counts before all variables', async () => {
  const variables = { SLUICE_API_KEY: other.key };
  expect(await callerOf(['--context', 'mine'], variables, NOWHERE)).toBe(`key:${ofContext.id}`);
});

test('an option counts before a context, also one with another kind of credential', async () => {
  const file = ['--api-key-file', otherFile];
  expect(await callerOf(['--context', 'token', ...file])).toBe(`key:${other.id}`);
  expect(await callerOf(['--context', 'token'])).toBe(`key:${ofContext.id}`);
});

test('the key of the context in use goes to no other gateway', async () => {
  const { url } = gateway;
  expect(await callerOf(['--url', url])).toContain('SASL_AUTHENTICATION_FAILED');
  expect(await callerOf([], {}, url)).toContain('SASL_AUTHENTICATION_FAILED');
});

test('a file that is named from one folder is found from all', async () => {
  const path = relative(process.cwd(), otherFile);
  await cli().print(['contexts', 'set', 'near', '--url', gateway.url, '--api-key-file', path]);
  const { contexts } = JSON.parse(await cli().print(['contexts', 'list', '--json'])) as {
    readonly contexts: Readonly<Record<string, unknown>>;
  };
  expect(contexts['near']).toEqual({ url: gateway.url, apiKeyFile: otherFile });
  expect(await callerOf(['--context', 'near'])).toBe(`key:${other.id}`);
});

test('a context with two credentials is wrong usage, and so is a missing file', async () => {
  const both = ['--api-key-file', otherFile, '--token-file', otherFile];
  const set = ['contexts', 'set', 'both', '--url', gateway.url];
  expect(await cli().run([...set, ...both])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('not both'),
  });
  const missing = ['--token-file', join(home, 'missing'), '--url', gateway.url, 'whoami'];
  expect(await cli().run(missing)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('cannot read'),
  });
});
