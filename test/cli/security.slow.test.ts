import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AUTH_ON, ROOT_KEY } from '../security/keys.js';
import { GatewayProcess } from '../support/gateway.js';
import { Cli, type CliResult } from './cli-process.js';

const home = mkdtempSync(join(tmpdir(), 'sluice-cli-security-'));

let gateway: GatewayProcess;
let cli: Cli;

beforeAll(async () => {
  gateway = await GatewayProcess.start(AUTH_ON);
  cli = new Cli(gateway.url, home);
});

afterAll(async () => {
  await gateway?.dispose();
  rmSync(home, { recursive: true, force: true });
});

async function runAs(key: string, args: readonly string[], input = ''): Promise<CliResult> {
  const running = cli.start(args, { SLUICE_API_KEY: key });
  running.child.stdin?.end(input);
  return await running.end();
}

async function printAs(key: string, args: readonly string[], input = ''): Promise<string> {
  const { code, stdout, stderr } = await runAs(key, args, input);
  expect({ code, stderr: code === 0 ? '' : stderr }, args.join(' ')).toEqual({
    code: 0,
    stderr: '',
  });
  return stdout.trimEnd();
}

test('a command without a credential is refused, and says what to give', async () => {
  const { code, stderr } = await cli.run(['topics', 'list']);
  expect(code).toBe(1);
  expect(stderr).toContain('SASL_AUTHENTICATION_FAILED');
  expect(stderr).toContain('Give --api-key-file or --token-file, or set SLUICE_API_KEY');
});

test('an administrator gives a worker a key and permissions, and revokes them', async () => {
  await printAs(ROOT_KEY, ['topics', 'create', 'orders', '--partitions', '1']);
  const key = await printAs(ROOT_KEY, ['keys', 'create', 'worker', '--group', 'shop']);
  const [id = ''] = key.split('.');
  expect(await printAs(ROOT_KEY, ['keys', 'list'])).toContain(id);
  expect(await printAs(key, ['whoami'])).toContain(`key:${id}`);

  const refused = await runAs(key, ['produce', 'orders'], 'tea\n');
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('TOPIC_AUTHORIZATION_FAILED');

  const onOrders = ['--principal', 'group:shop', '--topic', 'orders'];
  await printAs(ROOT_KEY, ['acls', 'add', ...onOrders, '--operation', 'Write']);
  await printAs(ROOT_KEY, ['acls', 'add', ...onOrders, '--operation', 'Read']);
  const onGroup = ['--principal', `key:${id}`, '--group', 'w', '--prefix'];
  await printAs(ROOT_KEY, ['acls', 'add', ...onGroup, '--operation', 'Read']);
  expect(await printAs(ROOT_KEY, ['acls', 'list', '--principal', `key:${id}`])).toContain(
    'prefixed',
  );

  await printAs(key, ['produce', 'orders'], 'tea\n');
  expect(await printAs(key, ['consume', 'orders', '--until-end'])).toBe('tea');
  const asMember = ['consume', 'orders', '--group', 'workers', '--from', 'earliest'];
  expect(await printAs(key, [...asMember, '--limit', '1'])).toBe('tea');

  await printAs(ROOT_KEY, ['acls', 'remove', ...onOrders, '--operation', 'Write']);
  expect((await runAs(key, ['produce', 'orders'], 'tea\n')).code).toBe(1);

  const rotated = await printAs(ROOT_KEY, ['keys', 'rotate', id]);
  expect(rotated).not.toBe(key);
  expect((await runAs(key, ['whoami'])).code).toBe(1);
  expect(await printAs(rotated, ['whoami'])).toContain(`key:${id}`);
  await printAs(ROOT_KEY, ['keys', 'delete', id, '--yes']);
  expect((await runAs(rotated, ['whoami'])).code).toBe(1);
});

test('quotas are set, shown and removed', async () => {
  await printAs(ROOT_KEY, ['quotas', 'set', 'default', '--producer-byte-rate', '1000000']);
  expect(await printAs(ROOT_KEY, ['quotas', 'show', 'default'])).toContain('1000000');
  const { code, stderr } = await runAs(ROOT_KEY, ['quotas', 'set', 'default']);
  expect({ code, stderr }).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('at least one quota'),
  });
  expect(await printAs(ROOT_KEY, ['quotas', 'show', 'default'])).toContain('1000000');
  await printAs(ROOT_KEY, ['quotas', 'delete', 'default']);
  expect(await printAs(ROOT_KEY, ['quotas', 'show', 'default'])).not.toContain('1000000');
});

test('a rule must name one resource', async () => {
  const rule = ['acls', 'add', '--principal', 'key:a', '--operation', 'Read'];
  const { code, stderr } = await runAs(ROOT_KEY, [...rule, '--topic', 'a', '--cluster']);
  expect(code).toBe(2);
  expect(stderr).toContain('--topic, --group and --cluster');
});

test('--json prints the documents about rules, quotas and keys', async () => {
  const json = async (args: readonly string[]): Promise<unknown> =>
    JSON.parse(await printAs(ROOT_KEY, [...args, '--json'])) as unknown;
  const created = ['keys', 'create', '--group', 'a', '--group', 'b', 'json'];
  const { id, groups } = (await json(created)) as { id: string; groups: string[] };
  expect(groups).toEqual(['a', 'b']);
  const rule = ['--principal', `key:${id}`, '--topic', 'json', '--operation', 'Read'];
  const acls = [expect.objectContaining({ principal: `key:${id}`, operation: 'Read' })];
  expect(await json(['acls', 'add', ...rule])).toEqual({ acls });
  expect(await json(['acls', 'remove', ...rule])).toEqual({ acls });
  const quota = ['quotas', 'set', `key:${id}`, '--request-rate', '5'];
  expect(await json(quota)).toMatchObject({ request_rate: 5 });
  expect(await json(['keys', 'delete', id, '--yes'])).toMatchObject({ missing: [] });
});
