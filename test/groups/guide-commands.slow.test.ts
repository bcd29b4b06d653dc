/**
 * Runs the commands of the guide's pages about sharing work, queues and delayed jobs as they are
 * there. The programs of these pages are run by groups-guide, queues-guide and delayed-jobs.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { useGateway } from '../data/gateway-under-test.js';
import { until } from '../support/until.js';
import { RestQueue } from './rest-queue.js';

const gateway = useGateway();

/** The blocks of a page, of which each is run below. */
function blocksOf(page: string, count: number): string[] {
  const text = readFileSync(`docs/guide/${page}.md`, 'utf8');
  const blocks = Array.from(text.matchAll(/```sh\n(.*?)```/gs), ([, block = '']) => block);
  expect(blocks, `a test runs each block of ${page}.md`).toHaveLength(count);
  return blocks.map((block) => block.replaceAll('localhost:8080', new URL(gateway.url).host));
}

/** Runs commands, none of which may be answered with a problem. @returns what they print */
async function run(commands = '', variables: Record<string, string> = {}): Promise<string> {
  const env = { ...process.env, ...variables };
  const silent = commands.replaceAll(/\bcurl /g, 'curl -s ');
  const { stdout } = await promisify(execFile)('bash', ['-ec', silent], { env });
  expect(stdout).not.toContain('"retriable":');
  return stdout;
}

async function produce(topic: string, ...values: readonly unknown[]): Promise<void> {
  const response = await fetch(`${gateway.url}/v1/topics/${topic}/records`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ records: values.map((value) => ({ value, partition: 0 })) }),
  });
  expect(response.status).toBe(200);
}

/** A worker of the guide, with the processes that it starts. */
interface Worker {
  readonly printed: () => string;
  readonly signal: (name: 'SIGSTOP' | 'SIGCONT') => void;
  readonly kill: () => Promise<void>;
}

function startWorker(commands: string): Worker {
  const worker = spawn('bash', ['-c', commands], { detached: true });
  const processes = -(worker.pid ?? Number.NaN);
  let printed = '';
  worker.stdout.on('data', (bytes: Buffer) => {
    printed += bytes.toString();
  });
  const closed = once(worker, 'close');
  return {
    printed: () => printed,
    signal: (name) => process.kill(processes, name),
    kill: async () => {
      process.kill(processes, 'SIGKILL');
      await closed;
    },
  };
}

async function membersOf(group: string): Promise<string[]> {
  const answer = await fetch(`${gateway.url}/v1/groups/${group}`);
  const { members } = (await answer.json()) as { members: { memberId: string }[] };
  return members.map(({ memberId }) => memberId);
}

/** @param ms null: the default */
async function setSessionTimeout(group: string, ms: number | null): Promise<void> {
  const configs = { 'consumer.session.timeout.ms': ms };
  await run(
    `curl -X PATCH ${gateway.url}/v1/groups/${group}/configs -H 'content-type: application/json' ` +
      `-d '${JSON.stringify({ configs })}'`,
  );
}

/** Freezes a worker for longer than its member's session: it works again after that. */
async function workOnAfterFreeze({ signal, printed }: Worker): Promise<void> {
  signal('SIGSTOP');
  await produce('orders', 'while it is frozen');
  await until('its session is over', async () => (await membersOf('billing')).length === 0);
  signal('SIGCONT');
  await produce('orders', 'after the freeze');
  await until('the worker has joined again', () => printed().includes('after the freeze'));
}

test('the commands of "Sharing work" work', async () => {
  const [calls = '', loop = '', commit, looks] = blocksOf('sharing-work', 4);
  const orders = await run(calls.replace('waitMs=30000', 'waitMs=0'));
  expect(orders).toContain('"memberId":"w1"');
  expect(orders).toContain('"records":[]');

  await produce('orders', ...Array.from({ length: 20 }, (_, at) => at));
  await setSessionTimeout('billing', 1000);
  const worker = startWorker(loop);
  const { printed } = worker;
  try {
    const records = (): string[] =>
      printed()
        .split('\n')
        .filter((line) => line !== '');
    await until('the worker has all records', () => new Set(records()).size === 20);
    await workOnAfterFreeze(worker);
  } finally {
    await worker.kill();
    await setSessionTimeout('billing', null);
  }
  for (const memberId of await membersOf('billing')) {
    await run(`curl -X DELETE ${gateway.url}/v1/groups/billing/members/${memberId}`);
  }

  const join = calls.slice(calls.indexOf('# 1.'), calls.indexOf('# 2.'));
  await run(commit, { answer: await run(join) });
  const offsets = await run(`curl ${gateway.url}/v1/groups/billing/offsets?topic=orders`);
  expect(offsets).toContain('"partition":0,"offset":10');

  await run(calls.slice(calls.indexOf('# 3.')));
  expect(await run(looks)).toContain('"consumer.session.timeout.ms":"10000"');
});

test('the commands of "Queues" work', async () => {
  const [loop = '', configs, letters] = blocksOf('queues', 3);
  await gateway.topic({ name: 'letters' });
  const queue = new RestQueue(gateway, 'letters', 'mail');
  expect(await run(configs)).toContain('"sluice.share.retry.backoff.ms":"1000"');
  await queue.produce({ value: 'no such address' });
  await queue.join('m');
  await queue.ack('m', await queue.poll('m'), { type: 'reject', reason: 'gone' });
  await until('the dead letter is written', async () => {
    return (await queue.recordsOf('dlq.mail')).length === 1;
  });
  expect(await run(letters)).toContain('no such address');

  await queue.leave('m');
  await queue.alter({ 'sluice.share.retry.backoff.ms': 0 });
  const deliver = 'deliver() { echo "letter to $1"; [ "$1" != nobody ]; }';
  const worker = startWorker(`${deliver}\n${loop}`);
  try {
    await queue.produce({ value: 'nobody' }, { value: 'ann' });
    await until('all letters are done with', async () => {
      const { lag, deadLetters } = await queue.describe();
      return lag === 0 && deadLetters === 2;
    });
  } finally {
    await worker.kill();
  }
  const lines = worker
    .printed()
    .split('\n')
    .filter((line) => line !== '');
  const failed = Array.from({ length: 5 }, () => 'letter to nobody');
  expect(lines.toSorted()).toEqual(['letter to ann', ...failed]);
});

test('the commands of "Delayed jobs" work', async () => {
  const [records, nack] = blocksOf('delayed-jobs', 2);
  expect(await run(records)).toContain('"offsets":[{"partition":0');
  await run(`curl -X DELETE ${gateway.url}/v1/topics/reminders`);
  await gateway.topic({ name: 'reminders' });
  const queue = new RestQueue(gateway, 'reminders', 'reminders');
  await queue.produce({ value: 'now' });
  await queue.join('m');
  await queue.poll('m', 'waitMs=5000');
  expect(JSON.parse(await run(nack, { member: 'm' }))).toEqual({
    acks: [{ topic: 'reminders', partition: 0, offset: 0 }],
  });
});
