import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';
import { until } from '../support/until.js';
import { CliOnGateway } from './cli-on-gateway.js';

const setup = CliOnGateway.forThisFile();

async function createTopic(name: string): Promise<string> {
  await setup.cli.print(['topics', 'create', name, '--partitions', '1']);
  return name;
}

async function committedBy(group: string): Promise<number> {
  const { offsets } = JSON.parse(await setup.cli.print(['offsets', 'export', group])) as {
    readonly offsets: readonly { readonly offset: number }[];
  };
  return offsets[0]?.offset ?? 0;
}

test('Ctrl-C ends a command at once that waits for a gateway', async () => {
  const silent = createServer();
  onTestFinished(() => void silent.close());
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const connected = once(silent, 'connection');
  const { port } = silent.address() as AddressInfo;
  const running = setup.cli.start(['topics', 'list', '--url', `http://127.0.0.1:${port}`]);
  await connected;
  running.child.kill('SIGINT');
  expect(await running.end()).toMatchObject({ code: 130, stdout: '', stderr: '' });
});

test('a worker that is stopped acknowledges the records of commands that run', async () => {
  const topic = await createTopic('slow-jobs');
  await setup.cli.print(['produce', topic], 'a\nb\n');
  const [begun, go] = [join(setup.home, 'begun'), join(setup.home, 'go')];
  const command = `touch ${begun}; until test -e ${go}; do sleep 0.05; done`;
  const queue = setup.cli.start(['queue', topic, '--group', topic, '--exec', command]);
  await until('the command has begun', () => existsSync(begun));
  queue.child.kill('SIGTERM');
  writeFileSync(go, '');
  expect((await queue.end()).code).toBe(130);
  expect(await committedBy(topic)).toBe(1);
});

test('a member that is stopped while it prints commits what it printed', async () => {
  const topic = await createTopic('slow-reader');
  const value = 'x'.repeat(1_000_000);
  await setup.cli.print(['produce', topic], `${value}\n`.repeat(2));
  const member = ['consume', topic, '--group', topic, '--from', 'earliest'];
  const consume = setup.cli.start(member);
  // One record is more than a pipe holds that nobody reads: the command waits while it prints it.
  consume.child.stdout?.pause();
  await until('the pipe has data', () => (consume.child.stdout?.readableLength ?? 0) > 0);
  consume.child.kill('SIGINT');
  // The handler of the first SIGINT removes itself.
  await until('the command has taken the signal', () => {
    const status = readFileSync(`/proc/${consume.child.pid}/status`, 'utf8');
    return (
      (Number.parseInt(/SigCgt:\s*[0-9a-f]*([0-9a-f])\n/.exec(status)?.[1] ?? '', 16) & 2) === 0
    );
  });
  consume.child.stdout?.resume();
  const { code, stdout } = await consume.end();
  expect(code).toBe(130);
  const printed = stdout.split(value).length - 1;
  expect(printed).toBeGreaterThan(0);
  expect(await committedBy(topic)).toBe(printed);
});

test.each([
  ['a reader', ['consume', 'away']],
  ['a member', ['consume', 'away', '--group', 'g']],
  ['a worker', ['queue', 'away', '--group', 'q', '--exec', 'true']],
])('%s tells when its gateway is away, and when it is back', async (_, command) => {
  const gateway = await GatewayProcess.start();
  onTestFinished(() => gateway.dispose());
  const { url } = gateway;
  await setup.cli.print(['topics', 'create', 'away', '--url', url]);
  const running = setup.cli.start([...command, '--url', url]);
  await until('it is connected', async () => {
    const metrics = await (await fetch(`${url}/metrics`)).text();
    // One of the requests is this one.
    return /^sluice_(websocket_connections 1|http_requests_in_flight 2)$/m.test(metrics);
  });
  await gateway.stop();
  await until('it tells', () => running.stderr.includes(`There is no connection to ${url}`));
  await gateway.start({ SLUICE_PORT: new URL(url).port });
  await until('it is back', () => running.stderr.includes(`Connected to ${url}`));
  running.child.kill('SIGINT');
  expect((await running.end()).code).toBe(130);
});

describe('a question', () => {
  test.each([
    ['y\r', 0, false],
    ['n\r', 1, true],
    ['\u0003', 130, true],
    ['\u0004', 1, true],
  ])('%j is answered with %i', async (typed, code, remains) => {
    const topic = await createTopic(`asked-${code}-${typed.charCodeAt(0)}`);
    const running = setup.cli.startInTerminal(['topics', 'delete', topic]);
    await until('the question is asked', () => running.stdout.includes('[y/N]'));
    running.child.stdin?.write(typed);
    expect((await running.end()).code).toBe(code);
    expect((await setup.cli.print(['topics', 'list'])).includes(topic)).toBe(remains);
  });
});
