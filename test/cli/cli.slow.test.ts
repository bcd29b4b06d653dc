import { randomUUID } from 'node:crypto';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CliOnGateway } from './cli-on-gateway.js';
import { Cli } from './cli-process.js';

const setup = CliOnGateway.forThisFile();

describe('topics', () => {
  test('are created, listed, changed and deleted', async () => {
    const name = topicName();
    const configs = ['--config', 'retention.ms=3600000', '--config', 'segment.bytes=1048576'];
    await setup.cli.print(['topics', 'create', name, '--partitions', '2', ...configs]);
    expect(await setup.cli.print(['topics', 'list'])).toContain(`${name}\t2\t1\t0\t0\n`);
    await setup.cli.print([
      'topics',
      'alter',
      name,
      '--partitions',
      '3',
      '--reset',
      'segment.bytes',
    ]);
    const described = await setup.cli.print(['topics', 'describe', name]);
    expect(described).toContain('retention.ms\t3600000\ttopic\n');
    expect(described).toMatch(/segment\.bytes\t\d+\tdefault\n/);
    expect(described).toContain('2\t0\t0\t0\t0\t0\t0\t0\n');
    const refused = await setup.cli.run(['topics', 'delete', name]);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    await setup.cli.print(['topics', 'delete', name, '--yes']);
    expect((await setup.cli.run(['topics', 'describe', name])).code).toBe(1);
  });

  test('--json before or after the command prints the document unchanged', async () => {
    const name = await createTopic(1);
    const document: unknown = await (await fetch(`${setup.gateway.url}/v1/topics/${name}`)).json();
    const after = await setup.cli.print(['topics', 'describe', name, '--json']);
    const before = await setup.cli.print(['--json', 'topics', 'describe', name]);
    expect(JSON.parse(after)).toEqual(document);
    expect(before).toBe(after);
  });
});

describe('produce and consume', () => {
  test('consume reads partitions that are added meanwhile, from their beginning', async () => {
    const topic = await createTopic(1);
    const following = setup.cli.start([
      'consume',
      topic,
      '--from',
      'earliest',
      '--format',
      '%p %v',
    ]);
    await setup.cli.print(['produce', topic, '--partition', '0'], 'first\n');
    await expect.poll(() => following.stdout).toBe('0 first\n');
    await setup.cli.print(['topics', 'alter', topic, '--partitions', '3']);
    await setup.cli.print(['produce', topic, '--partition', '2'], 'added\n');
    await expect.poll(() => following.stdout).toBe('0 first\n2 added\n');
    following.child.kill('SIGINT');
    expect((await following.end()).code).toBe(130);
  });

  test('a line of text is a value, byte for byte', async () => {
    const topic = await createTopic(1);
    const lines = 'one\r\n\n{"x": 1.0}\nlast without a line break';
    await setup.cli.print(['produce', topic], lines);
    const read = await setup.cli.print(['consume', topic, '--until-end']);
    expect(read).toBe('one\n{"x": 1.0}\nlast without a line break\n');
    expect(await valuesOf(topic)).toEqual(['one', '{"x": 1.0}', 'last without a line break']);
  });

  test('a line of JSON is stored as it stands, with a member of it as the key', async () => {
    const topic = await createTopic(3);
    const line = '{"user": "ada", "n": 12345678901234567890, "f": 1.0}';
    await setup.cli.print(
      ['produce', topic, '--format', 'json', '--key-field', 'user'],
      `${line}\n`,
    );
    const json = await setup.cli.print(['consume', topic, '--until-end', '--json']);
    expect(json).toContain(`"key":"ada","value":${line},"headers":[]}\n`);
  });

  test('a member of a group prints records of JSON as they are in the log', async () => {
    const topic = await createTopic(1);
    const values = ['{"n": 12345678901234567890, "f": 1.0}', '[1e400, {"b":1,"a":2}]', '"1"'];
    const lines = values.map(
      (value) => `{"value": ${value}, "key": -0.0, "headers": {"h": "x"}}\n`,
    );
    const produce = ['produce', topic, '--format', 'ndjson'];
    await setup.cli.print(produce, lines.join(''));
    const json = ['consume', topic, '--json'];
    const read = await setup.cli.print([...json, '--until-end']);
    for (const value of values.slice(0, 2)) expect(read).toContain(`"key":-0.0,"value":${value},`);
    const member = [...json, '--group', topicName(), '--from', 'earliest', '--limit'];
    expect(await setup.cli.print([...member, '3'])).toBe(read);
    const some = [...json, '--group', topicName(), '--from', 'earliest', '--limit', '1', '--grep'];
    expect(await setup.cli.print([...some, '1e400'])).toBe(`${read.split('\n')[1]}\n`);
    expect(await setup.cli.print([...json, '--until-end', '--grep', '90, '])).toBe(
      `${read.split('\n')[0]}\n`,
    );
    expect(await setup.cli.print(['get', topic, '0', '1', '--json'])).toBe(
      `${read.split('\n')[1]}\n`,
    );
  });

  test('keys, headers, tombstones and templates', async () => {
    const topic = await createTopic(1);
    const options = ['--key-separator', '=', '--tombstones', '--header', 'a=1', '--header', 'a=2'];
    await setup.cli.print(['produce', topic, ...options], 'ada=x=y\nbob\n');
    const template = '%t-%p@%o %k %v %h %%';
    const read = await setup.cli.print(['consume', topic, '--until-end', '--format', template]);
    expect(read).toBe(`${topic}-0@0 ada x=y a=1,a=2 %\n${topic}-0@1 bob  a=1,a=2 %\n`);
    const records = await recordsOf(topic);
    expect(records.map(({ value }) => value)).toEqual(['x=y', null]);
  });

  test('whole records in NDJSON keep their members', async () => {
    const topic = await createTopic(2);
    const line = '{"value": [1.50], "key": {"id": 7}, "headers": {"h": "x"}, "partition": 1}';
    await setup.cli.print(['produce', topic, '--format', 'ndjson'], `${line}\n`);
    const read = await setup.cli.print([
      'consume',
      topic,
      '--partition',
      '1',
      '--until-end',
      '--json',
    ]);
    expect(read).toContain('"key":{"id": 7},"value":[1.50],"headers":[{"key":"h","value":"x"}]');
  });

  test('a faulty line is named, and nothing of it or after it is stored', async () => {
    const topic = await createTopic(1);
    const { code, stderr } = await setup.cli.run(
      ['produce', topic, '--format', 'json'],
      '[]\n\n{oops\n',
    );
    expect(code).toBe(1);
    expect(stderr).toContain('error: line 3 is not JSON');
    expect(stderr).toContain('Records stored before the error: 0.');
    expect(await valuesOf(topic)).toEqual([]);
  });

  test('a range of offsets, a limit and a pattern', async () => {
    const topic = await createTopic(1);
    await setup.cli.print(
      ['produce', topic],
      Array.from({ length: 20 }, (_, n) => `v${n}\n`).join(''),
    );
    const range = ['--partition', '0', '--from', '3', '--to', '6'];
    expect(await setup.cli.print(['consume', topic, ...range])).toBe('v3\nv4\nv5\n');
    const some = ['--until-end', '--limit', '2', '--grep', '^v1'];
    expect(await setup.cli.print(['consume', topic, ...some])).toBe('v1\nv10\n');
    expect(await setup.cli.print(['get', topic, '0', '7'])).toBe('v7');
    await setup.cli.print(['delete-records', topic, '0', '--before', '5']);
    expect(await setup.cli.print(['consume', topic, '--until-end', '--limit', '1'])).toBe('v5\n');
  });

  test('consume follows new records until Ctrl-C, which is 130', async () => {
    const topic = await createTopic(2);
    const consume = setup.cli.start(['consume', topic, '--from', 'earliest']);
    await setup.cli.print(['produce', topic], 'first\n');
    await expect.poll(() => consume.stdout).toBe('first\n');
    await setup.cli.print(['produce', topic], 'second\n');
    await expect.poll(() => consume.stdout).toBe('first\nsecond\n');
    consume.child.kill('SIGINT');
    expect(await consume.end()).toMatchObject({ code: 130, stderr: '' });
  });

  test('a reader that closes the pipe ends consume with 0', async () => {
    const topic = await createTopic(1);
    const consume = setup.cli.start(['consume', topic, '--from', 'earliest']);
    await setup.cli.print(['produce', topic], 'first\n');
    await expect.poll(() => consume.stdout).toBe('first\n');
    consume.child.stdout?.destroy();
    await setup.cli.print(['produce', topic], 'second\nthird\n');
    expect(await consume.end()).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('groups', () => {
  test('a member commits what it printed; offsets are moved, exported and imported', async () => {
    const topic = await createTopic(1);
    const [group, copy] = [topicName(), topicName()];
    await setup.cli.print(['produce', topic], 'a\nb\nc\nd\n');
    const consume = ['consume', topic, '--group', group, '--from', 'earliest'];
    expect(await setup.cli.print([...consume, '--limit', '3'])).toBe('a\nb\nc\n');
    expect(await setup.cli.print([...consume, '--limit', '1'])).toBe('d\n');
    expect(await setup.cli.print(['groups', 'list'])).toContain(`${group}\tstream\tEmpty\t0\n`);
    const reset = ['groups', 'reset', group, '--topic', topic, '--to', '-3'];
    const moved = `TOPIC\tPARTITION\tFROM\tTO\n${topic}\t0\t4\t1\n`;
    expect(await setup.cli.print([...reset, '--dry-run'])).toBe(moved);
    expect(await setup.cli.print(reset)).toBe(moved);
    expect(await setup.cli.print(['groups', 'describe', group])).toContain(`${topic}\t0\t1\t3\t-`);
    const exported = await setup.cli.print(['offsets', 'export', group]);
    await setup.cli.print(['offsets', 'import', copy], exported);
    expect(await setup.cli.print(['offsets', 'export', copy])).toBe(exported);
    await setup.cli.print(['groups', 'delete', group, '--yes']);
    expect((await setup.cli.run(['groups', 'describe', group])).code).toBe(1);
  });

  test('a command that ends with 0 acknowledges its record, any other gives it back', async () => {
    const topic = await createTopic(1);
    const group = topicName();
    await setup.cli.print(['produce', topic], 'good\nbad\n');
    // The second delivery of the bad record succeeds.
    const command =
      'read -r value; echo "$value $SLUICE_OFFSET $SLUICE_DELIVERY_COUNT"; ' +
      'test "$value" = good || test "$SLUICE_DELIVERY_COUNT" -gt 1';
    const queue = setup.cli.start(['queue', topic, '--group', group, '--exec', command]);
    await expect
      .poll(() => queue.stdout.split('\n').toSorted().join('\n'))
      .toBe('\nbad 1 1\nbad 1 2\ngood 0 1');
    await expect.poll(async () => (await describeGroup(group)).partitions[0]?.offset).toBe(2);
    queue.child.kill('SIGINT');
    expect((await queue.end()).code).toBe(130);
  });

  test('a command that the shell does not find ends the worker, and costs a delivery', async () => {
    const topic = await createTopic(1);
    const group = topicName();
    await setup.cli.print(['produce', topic], 'one\n');
    const worker = ['queue', topic, '--group', group, '--exec'];
    const { code, stderr } = await setup.cli.run([...worker, 'no-such-command']);
    expect(code).toBe(2);
    expect(stderr).toContain('error: The shell cannot run the command (exit code 127).');
    const queue = setup.cli.start([...worker, 'cat; echo " $SLUICE_DELIVERY_COUNT"']);
    await expect.poll(() => queue.stdout).toBe('one 2\n');
    queue.child.kill('SIGINT');
    expect((await queue.end()).code).toBe(130);
  });

  test('a member and a worker say that their topic does not exist yet', async () => {
    const group = topicName();
    for (const command of [['consume'], ['queue', '--exec', 'true']]) {
      const running = setup.cli.start([...command, 'missing', '--group', group + command.length]);
      await expect.poll(() => running.stderr).toContain('There is no topic "missing" yet');
      running.child.kill('SIGINT');
      expect((await running.end()).code).toBe(130);
    }
  });

  test('dead letters are shown with their reason, and put back', async () => {
    const topic = await createTopic(1);
    const group = topicName();
    await setup.cli.print(['produce', topic], 'bad\n');
    const letters = ['groups', 'dead-letters', group];
    expect((await setup.cli.run(letters)).stderr).toContain('(GROUP_ID_NOT_FOUND)');
    const queue = setup.cli.start(['queue', topic, '--group', group, '--exec', 'exit 3']);
    const copy = `${topic}\t0\t0\t5\t`;
    await expect.poll(() => setup.cli.print(letters)).toContain(copy);
    queue.child.kill('SIGINT');
    await queue.end();
    expect(await setup.cli.print([...letters, '--topic', 'other'])).not.toContain(copy);
    expect(await setup.cli.print([...letters, '--all'])).toMatch(/@0\twaiting\n$/);
    const line = await setup.cli.print([...letters, '--json', '--limit', '1']);
    expect(JSON.parse(line)).toMatchObject({ topic: `dlq.${group}`, value: 'bad' });
    const redriven = await setup.cli.print([...letters, '--redrive', '--json']);
    expect(JSON.parse(redriven)).toEqual({ redriven: 1, skipped: 0 });
    expect(await valuesOf(topic)).toEqual(['bad', 'bad']);
    expect(await setup.cli.print([...letters, '--json'])).toBe('');
    expect(await setup.cli.print([...letters, '--all'])).toMatch(/@0\tput back\n$/);
    const again = await setup.cli.run([...letters, '--redrive']);
    expect(again.stderr).toContain('Records put back into their topics: 0;');
  });
});

describe('a terminal', () => {
  test('gets colours and aligned tables; NO_COLOR turns the colours off', async () => {
    await createTopic(1);
    const coloured = await setup.cli.inTerminal(['topics', 'list']);
    expect(coloured.stdout).toContain('\u001B[1mTOPIC');
    const plain = await setup.cli.inTerminal(['topics', 'list'], { NO_COLOR: '1' });
    expect(plain.stdout).not.toContain('\u001B[');
    expect(plain.stdout).toMatch(/^TOPIC +PARTITIONS +REPLICAS/m);
  });

  test('gets a progress bar on long work', async () => {
    const topic = await createTopic(1);
    const file = join(setup.home, 'lines.txt');
    writeFileSync(file, 'a line\n'.repeat(20_000));
    const { code, stdout } = await setup.cli.inTerminal(['produce', topic, file]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/100 % \| [\d.]+ MiB\/s \| 20,000 records/);
    expect(await valuesOf(topic, 1)).toEqual(['a line']);
  });
});

test('contexts keep the names of files, never secrets, in a file of their own', async () => {
  const other = new Cli('', setup.home);
  const key = ['--api-key-file', '/run/secrets/key'];
  await other.print(['contexts', 'set', 'here', '--url', setup.gateway.url]);
  await other.print(['contexts', 'set', 'there', '--url', 'http://127.0.0.1:1', ...key]);
  const path = join(setup.home, 'config/sluice/contexts.json');
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(await other.print(['contexts', 'list'])).toBe(
    `\tNAME\tURL\n*\there\t${setup.gateway.url}\n\tthere\thttp://127.0.0.1:1\n`,
  );
  await other.print(['ping', '--count', '1']);
  const { code, stderr } = await other.run(['--context', 'there', 'ping']);
  expect(code).toBe(2);
  expect(stderr).toContain('cannot read /run/secrets/key');
});

test('cluster shows the brokers and that nothing lacks a replica', async () => {
  const shown = await setup.cli.print(['cluster']);
  expect(shown).toContain(`0\t${setup.gateway.url}\t-\tyes\t`);
  expect(shown).toContain('Every partition has a leader and all its replicas.');
});

test('serve is the gateway of this package', async () => {
  const served = setup.cli.start(['serve'], {
    SLUICE_PORT: '0',
    SLUICE_DATA_DIR: join(setup.home, 'data'),
    SLUICE_LOG_FORMAT: 'json',
  });
  await expect.poll(() => served.stderr).toContain('"msg":"started"');
  served.child.kill('SIGTERM');
  expect((await served.end()).code).toBe(0);
});

interface Described {
  readonly partitions: readonly { readonly offset: number | null }[];
}

async function describeGroup(group: string): Promise<Described> {
  return JSON.parse(await setup.cli.print(['groups', 'describe', group, '--json'])) as Described;
}

async function recordsOf(
  topic: string,
  limit = 500,
): Promise<readonly { readonly value: unknown }[]> {
  const path = `/v1/topics/${topic}/partitions/0/records?limit=${limit}`;
  const answer = (await (await fetch(`${setup.gateway.url}${path}`)).json()) as {
    readonly records: readonly { readonly value: unknown }[];
  };
  return answer.records;
}

async function valuesOf(topic: string, limit = 500): Promise<unknown[]> {
  return (await recordsOf(topic, limit)).map(({ value }) => value);
}

function topicName(): string {
  return `t-${randomUUID()}`;
}

async function createTopic(partitions: number): Promise<string> {
  const name = topicName();
  const body = JSON.stringify({ name, partitions });
  const headers = { 'Content-Type': 'application/json' };
  const answer = await fetch(`${setup.gateway.url}/v1/topics`, { method: 'POST', headers, body });
  expect(answer.status).toBe(201);
  return name;
}
