import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { CliOnGateway } from './cli-on-gateway.js';

const setup = CliOnGateway.forThisFile();

describe('exit codes', () => {
  test('a refusal is 1, with the sentence and the code of the gateway on stderr', async () => {
    const { code, stdout, stderr } = await setup.cli.run(['topics', 'describe', 'nowhere']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^error: .*nowhere.* \(UNKNOWN_TOPIC_OR_PARTITION\)\n$/);
  });

  test.each([
    [['topics', 'rename'], 'unknown command'],
    [['topics', 'create', 'x', '--partitions', '-1'], 'whole number'],
    [['consume', 'x', '--from', 'yesterday'], 'earliest'],
    [['produce', 'x', '--key', 'a', '--key-separator', ':'], 'Give one of'],
    [['--context', 'nowhere', 'topics', 'list'], 'There is no context "nowhere"; contexts: none.'],
    [['bench', 'consume', 'x', '--concurrency', '2'], "unknown option '--concurrency'"],
  ])('wrong usage is 2, and says what is accepted: %j', async (args, sentence) => {
    const { code, stdout, stderr } = await setup.cli.run(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(sentence);
  });

  test('a gateway that is not there is 1', async () => {
    const { code, stderr } = await setup.cli.run(['--url', 'http://127.0.0.1:1', 'ping']);
    expect(code).toBe(1);
    expect(stderr).toContain('NETWORK_EXCEPTION');
  });

  test('the sentence of a refusal is not repeated by its list of faults', async () => {
    const { stderr } = await setup.cli.run(['topics', 'create', 'x', '--config', 'colour=red']);
    expect(stderr).toBe('error: there is no topic config "colour". (INVALID_CONFIG)\n');
  });

  test('help and version are 0', async () => {
    const version = JSON.parse(readFileSync('package.json', 'utf8')) as {
      readonly version: string;
    };
    expect(await setup.cli.print(['--version'])).toBe(`${version.version}\n`);
    expect(await setup.cli.print(['--help'])).toContain('Exit codes: 0 done');
    const served = await setup.cli.print(['serve', '--help']);
    expect(served).toContain('Usage: sluice serve [options]');
    expect(served).toContain('SLUICE_PORT');
  });
});

test('the help of a command marks required options and points to the general ones', async () => {
  const help = await setup.cli.print(['groups', 'reset', '--help']);
  expect(help).toMatch(/--topic <name> +topic whose offsets move \(required\)/);
  expect(help).toMatch(/--dry-run +show what would change\n/);
  expect(help).toContain('such as --url and --json: sluice --help');
  expect(await setup.cli.print(['--help'])).not.toContain('such as --url and --json');
});

test('commands on contexts say what they did', async () => {
  const contexts = async (...args: string[]) => (await setup.cli.run(['contexts', ...args])).stderr;
  const url = ['--url', setup.gateway.url];
  expect(await contexts('set', 'a', ...url)).toBe('Context a is kept and is the current one.\n');
  expect(await contexts('set', 'b', ...url)).toBe('Context b is kept.\n');
  expect(await contexts('use', 'b')).toBe('Context b is the current one.\n');
  expect(await contexts('delete', 'b')).toBe('Context b is deleted.\n');
  expect(await contexts('delete', 'constructor')).toContain('contexts: a.');
  await contexts('delete', 'a');
});

describe('files', () => {
  const stored = (topic: string) => setup.cli.print(['consume', topic, '--until-end']);

  test('that were sent as a whole are not sent again when they are resumed', async () => {
    await setup.cli.print(['topics', 'create', 'whole']);
    const files = [setup.file('a.txt', 'one\n'), setup.file('b.txt', 'two\n')];
    await setup.cli.print(['produce', 'whole', ...files]);
    const again = await setup.cli.run(['produce', 'whole', ...files, '--resume']);
    expect(again).toMatchObject({ code: 0, stdout: '' });
    expect(again.stderr).toContain('a.txt was sent before, as a whole: --restart sends it again.');
    expect(await stored('whole')).toBe('one\ntwo\n');
    await setup.cli.print(['produce', 'whole', ...files, '--restart']);
    expect(await stored('whole')).toBe('one\ntwo\none\ntwo\n');
  });

  test('are not sent when one of them cannot be', async () => {
    await setup.cli.print(['topics', 'create', 'none']);
    const produce = ['produce', 'none', setup.file('c.txt', 'one\n'), '/does-not-exist'];
    expect(await setup.cli.run(produce)).toMatchObject({ code: 2 });
    expect(await stored('none')).toBe('');
  });
});

test('a file whose first line was faulty may be corrected and sent', async () => {
  await setup.cli.print(['topics', 'create', 'corrected']);
  const produce = ['produce', 'corrected', '--format', 'json', setup.file('d.json', '{\n')];
  const refused = await setup.cli.run(produce);
  expect(refused).toMatchObject({ code: 1 });
  expect(refused.stderr).toContain('Records stored before the error: 0.\n');
  setup.file('d.json', '{"n":1}\n');
  const sent = await setup.cli.run(produce);
  expect(sent.stderr).toMatch(/^1 record in /);
});

test('a line that the gateway refuses is named, with the number of stored records', async () => {
  await setup.cli.print(['topics', 'create', 'refused']);
  const line = '{"value":1,"partition":7}\n';
  const refused = await setup.cli.run(['produce', 'refused', '--format', 'ndjson'], line);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(/^Records stored before the error: 0\.\nerror: Line 1 was not /);
});

test('a file of offsets that does not exist is wrong usage, as with `produce`', async () => {
  const { code, stderr } = await setup.cli.run(['offsets', 'import', 'g', '/does-not-exist']);
  expect(code).toBe(2);
  expect(stderr).toMatch(/^error: Cannot read \/does-not-exist: ENOENT/);
});

test('the export of a group without offsets is imported', async () => {
  const exported = await setup.cli.print(['offsets', 'export', 'nobody']);
  const { code, stderr } = await setup.cli.run(['offsets', 'import', 'copy'], exported);
  expect({ code, stderr }).toEqual({ code: 0, stderr: 'Committed offsets of group copy: 0.\n' });
});

test('a group that has had no member is described without a mode', async () => {
  await setup.cli.print(['topics', 'create', 'read']);
  const offsets = [{ topic: 'read', partition: 0, offset: 0 }];
  await setup.cli.run(['offsets', 'import', 'silent'], JSON.stringify({ offsets }));
  expect(await setup.cli.print(['groups', 'describe', 'silent'])).toMatch(
    /^silent {2}no mode yet, Empty, /,
  );
});

test('a group is described with the columns and counts of its mode', async () => {
  await setup.cli.print(['topics', 'create', 'modes']);
  await setup.cli.print(['produce', 'modes'], 'one\n');
  const member = ['consume', 'modes', '--group', 'streaming', '--from', 'earliest', '--limit', '1'];
  await setup.cli.print(member);
  const stream = await setup.cli.print(['groups', 'describe', 'streaming']);
  expect(stream).toContain('TOPIC\tPARTITION\tOFFSET\tLAG\tOWNER\n');
  expect(stream).not.toContain('dead letters');
  const path = `${setup.gateway.url}/v1/groups/queueing/members`;
  const body = { memberId: 'w', topics: ['modes'], mode: 'queue', autoOffsetReset: 'earliest' };
  const headers = { 'content-type': 'application/json' };
  const joined = await fetch(path, { method: 'POST', headers, body: JSON.stringify(body) });
  expect(joined.ok).toBe(true);
  const queue = await setup.cli.print(['groups', 'describe', 'queueing']);
  expect(queue).toContain('TOPIC\tPARTITION\tOFFSET\tLAG\tAVAILABLE\tACQUIRED\tDELAYED\n');
  expect(queue).toContain(', dead letters not put back 0\n');
});

test('elections and moves print a table, and the document of the gateway with --json', async () => {
  await setup.cli.print(['topics', 'create', 'led']);
  const line = /^TOPIC\tPARTITION\tLEADER\tREPLICAS\tISR\nled\t0\t0\t0\t0\n$/;
  for (const command of [
    ['elect', 'led', '0'],
    ['move', 'led', '0', '--replicas', '0'],
  ]) {
    expect(await setup.cli.print(command)).toMatch(line);
    const document: unknown = JSON.parse(await setup.cli.print([...command, '--json']));
    expect(document).toMatchObject({ partition: 0, replicas: [0] });
  }
});

test('a bench reads what there is, where that is less than it wants', async () => {
  await setup.cli.print(['topics', 'create', 'few', '--partitions', '2']);
  expect(await setup.cli.print(['bench', 'consume', 'few', '--json'])).toMatch(/"records":0,/);
  await setup.cli.print(['produce', 'few'], 'one\ntwo\nthree\n');
  expect(await setup.cli.print(['bench', 'consume', 'few', '--json'])).toMatch(/"records":3,/);
});

test('lines that are produced are consumed as they were', async () => {
  await setup.cli.print(['topics', 'create', 'orders']);
  await setup.cli.print(['produce', 'orders'], 'one\n{"n": 1.0}\n');
  expect(await setup.cli.print(['consume', 'orders', '--until-end'])).toBe('one\n{"n": 1.0}\n');
});

test('a file for a partition that the topic lacks is refused, and may be sent', async () => {
  await setup.cli.print(['topics', 'create', 'single', '--partitions', '1']);
  const file = setup.file('single.txt', 'a\nb\n');
  const refused = await setup.cli.run(['produce', 'single', file, '--partition', '1']);
  expect(refused).toMatchObject({ code: 1, stdout: '' });
  expect(refused.stderr).toContain('no partition 1. (UNKNOWN_TOPIC_OR_PARTITION)');
  await setup.cli.print(['produce', 'single', file]);
  expect(await setup.cli.print(['consume', 'single', '--until-end'])).toBe('a\nb\n');
});

test('a member prints the same documents as a reader', async () => {
  await setup.cli.print(['topics', 'create', 'documents', '--partitions', '1']);
  const lines = [
    '{"value":{"n":1},"key":"k","headers":{"a":"b"}}',
    '{"valueBase64":"/w==","keyBase64":"/w==","headers":[{"key":"z","valueBase64":"/w=="}]}',
    '{"value":null,"key":{"id":1}}',
  ];
  await setup.cli.print(['produce', 'documents', '--format', 'ndjson'], `${lines.join('\n')}\n`);
  const read = await setup.cli.print(['consume', 'documents', '--until-end', '--json']);
  const member = ['consume', 'documents', '--group', 'documents', '--from', 'earliest'];
  expect(await setup.cli.print([...member, '--limit', '3', '--json'])).toBe(read);
});

test('an option of a partition stands anywhere, and may be repeated', async () => {
  await setup.cli.print(['topics', 'create', 'three', '--partitions', '3']);
  for (const partition of ['0', '1', '2']) {
    await setup.cli.print(['produce', 'three', '--partition', partition], `${partition}\n`);
  }
  const two = ['--partition', '0', '--partition', '2'];
  const printed = await setup.cli.print(['consume', ...two, 'three', '--until-end']);
  expect(printed.split('\n').toSorted().join('')).toBe('02');
});

test('an option before `serve` is wrong usage, and so is an unknown position', async () => {
  const served = await setup.cli.run(['--json', 'serve']);
  expect(served).toMatchObject({ code: 2, stderr: expect.stringContaining('serve') });
  const queue = ['queue', 'a', '--group', 'g', '--exec', 'true', '--from', 'begin'];
  expect(await setup.cli.run(queue)).toMatchObject({ code: 2 });
});
