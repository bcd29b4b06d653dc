import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SocketClient } from '../ws/socket-client.js';
import { useGateway } from './gateway-under-test.js';

const REQUEST_BYTES_MAX = 1024 * 1024;
/** A body of so many bytes is read in slices. */
const IN_SLICES_BYTES = 600 * 1024;

const gateway = useGateway({ SLUICE_REQUEST_BYTES_MAX: String(REQUEST_BYTES_MAX) });

const MESSAGE_BYTES_MAX = 4096;
const TOO_LARGE = 'x'.repeat(MESSAGE_BYTES_MAX);
const LONG_AGO = 5;
const JSON_TYPE = 'application/json';
const NDJSON = 'application/x-ndjson';
const TEXT = 'text/plain';
const BYTES = 'application/octet-stream';

/** Topics with limits that records may break. */
const topics = { plain: '', compacted: '' };
/** Headers of a producer. */
let producer: Record<string, string> = {};
let client: SocketClient;

beforeAll(async () => {
  const configs = {
    'max.message.bytes': MESSAGE_BYTES_MAX,
    'message.timestamp.before.max.ms': 3_600_000,
  };
  topics.plain = await gateway.topic({ partitions: 2, configs });
  topics.compacted = await gateway.topic({ configs: { 'cleanup.policy': 'compact' } });
  const response = await fetch(`${gateway.url}/v1/producers`, { method: 'POST' });
  const identity = (await response.json()) as { producerId: number; producerEpoch: number };
  producer = {
    'Producer-Id': String(identity.producerId),
    'Producer-Epoch': String(identity.producerEpoch),
    'Producer-Sequence': '0',
  };
  client = await SocketClient.open(gateway.url);
});
afterAll(() => client.close());

interface Problem {
  readonly code: string;
  readonly errors?: readonly { readonly pointer: string }[];
}

interface Post {
  readonly topic?: keyof typeof topics;
  readonly type: string;
  readonly path?: string;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

async function answerTo({
  topic = 'plain',
  type,
  path = '',
  body,
  headers,
}: Post): Promise<string> {
  const response = await fetch(`${gateway.url}/v1/topics/${topics[topic]}/records${path}`, {
    method: 'POST',
    headers: { 'Content-Type': type, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return response.text();
}

async function problemOf(post: Post): Promise<[string, ...string[]]> {
  return shown(JSON.parse(await answerTo(post)) as Problem);
}

/** Sends the body as a line, and returns the problem of its answer. */
async function problemOfLine(post: Post): Promise<[string, ...string[]]> {
  const body = typeof post.body === 'string' ? post.body : JSON.stringify(post.body);
  const [first = ''] = (await answerTo({ ...post, body: `${body}\n` })).split('\n');
  return shown((JSON.parse(first) as { error: Problem }).error);
}

function shown({ code, errors = [] }: Problem): [string, ...string[]] {
  return [code, ...errors.map(({ pointer }) => pointer)];
}

const NO_PARTITION = 'UNKNOWN_TOPIC_OR_PARTITION';

describe('a fault that is found after parsing is pointed at in the body or the query', () => {
  test.each<[string, Post, string[]]>([
    ['a list, partition', list({ value: 1, partition: 9 }), [NO_PARTITION, '/records/1/partition']],
    ['a list, ?partition', list({ value: 1 }, '?partition=9'), [NO_PARTITION, '?partition']],
    [
      'a list, another partition than ?partition',
      list({ value: 1, partition: 1 }, '?partition=0'),
      ['INVALID_REQUEST', '/records/1/partition'],
    ],
    [
      'a list, timestamp',
      list({ value: 1, timestamp: LONG_AGO }),
      ['INVALID_TIMESTAMP', '/records/1/timestamp'],
    ],
    ['a list, size', list({ value: TOO_LARGE }), ['MESSAGE_TOO_LARGE', '/records/1']],
    ['one alone, partition', alone({ value: 1, partition: 9 }), [NO_PARTITION, '/partition']],
    ['one alone, ?partition', alone({ value: 1 }, '?partition=9'), [NO_PARTITION, '?partition']],
    [
      'one alone, another partition than ?partition',
      alone({ value: 1, partition: 1 }, '?partition=0'),
      ['INVALID_REQUEST', '/partition'],
    ],
    [
      'one alone, timestamp',
      alone({ value: 1, timestamp: LONG_AGO }),
      ['INVALID_TIMESTAMP', '/timestamp'],
    ],
    ['one alone, size', alone({ value: TOO_LARGE }), ['MESSAGE_TOO_LARGE', '']],
    [
      'one alone, a tombstone without a key',
      { ...alone({ value: null }), topic: 'compacted' },
      ['INVALID_RECORD', '/key'],
    ],
    ...['', ':raw'].flatMap((path) =>
      [TEXT, BYTES].flatMap((type) => ofValue(`${path} of ${type}`, { type, path, body: '1' })),
    ),
    ...ofValue(' of JSON with ?body=value', { type: JSON_TYPE, path: '?body=value', body: 1 }),
  ])('%s', async (_, post, expected) => {
    expect(await problemOf(post)).toEqual(expected);
  });

  test.each<[string, Post, string[]]>([
    ['a list', list({ value: 1 }), ['INVALID_REQUEST', '/records/0/partition']],
    ['one alone', alone({ value: 1 }), ['INVALID_REQUEST', '/partition']],
    ['a raw body', { type: TEXT, body: 'x' }, ['INVALID_REQUEST', '?partition']],
    [
      'a JSON body as value',
      { type: JSON_TYPE, path: '?body=value', body: 1 },
      ['INVALID_REQUEST', '?partition'],
    ],
  ])('%s of a producer without a partition', async (_, post, expected) => {
    expect(await problemOf({ ...post, headers: producer })).toEqual(expected);
  });

  test.each<[string, string[]]>([
    ['{"value":"large","partition":9}', [NO_PARTITION, '/partition']],
    ['{"value":"large","timestamp":5}', ['INVALID_TIMESTAMP', '/timestamp']],
  ])('one alone that is read in slices: %s', async (text, expected) => {
    const topic = await gateway.topic({
      configs: { 'message.timestamp.before.max.ms': 3_600_000 },
    });
    const body = text.replace('large', 'x'.repeat(IN_SLICES_BYTES));
    const response = await fetch(`${gateway.url}/v1/topics/${topic}/records`, {
      method: 'POST',
      headers: { 'Content-Type': JSON_TYPE },
      body,
    });
    expect(shown((await response.json()) as Problem)).toEqual(expected);
  });
});

function list(record: object, path = ''): Post {
  return { type: JSON_TYPE, path, body: { records: [{ value: 0 }, record] } };
}

function alone(record: object, path = ''): Post {
  return { type: JSON_TYPE, path, body: record };
}

/** The faults of a body that is the value of one record. */
function ofValue(name: string, post: Post): [string, Post, string[]][] {
  const { path = '', type } = post;
  const joined = path.includes('?') ? '&' : '?';
  const large = type === JSON_TYPE ? JSON.stringify(TOO_LARGE) : TOO_LARGE;
  return [
    [
      `value${name}, partition`,
      { ...post, path: `${path}${joined}partition=9` },
      [NO_PARTITION, '?partition'],
    ],
    [`value${name}, size`, { ...post, body: large }, ['MESSAGE_TOO_LARGE', '']],
    [`value${name}, no key`, { ...post, topic: 'compacted' }, ['INVALID_RECORD', '?key']],
  ];
}

describe('a fault of a line is pointed at in the line or the query', () => {
  const values = { type: TEXT, path: '?lines=value' };
  test.each<[string, Post, string[]]>([
    ['partition', line({ value: 1, partition: 9 }), [NO_PARTITION, '/partition']],
    ['?partition', line({ value: 1 }, '?partition=9'), [NO_PARTITION, '?partition']],
    [
      'another partition than ?partition',
      line({ value: 1, partition: 1 }, '?partition=0'),
      ['INVALID_REQUEST', '/partition'],
    ],
    ['timestamp', line({ value: 1, timestamp: LONG_AGO }), ['INVALID_TIMESTAMP', '/timestamp']],
    ['size', line({ value: TOO_LARGE }), ['MESSAGE_TOO_LARGE', '']],
    ['length', line({ value: 'x'.repeat(REQUEST_BYTES_MAX) }), ['MESSAGE_TOO_LARGE', '']],
    ['an unknown member', line({ value: 1, more: 1 }), ['INVALID_RECORD', '/more']],
    [
      'a member of a wrong type',
      line({ value: 1, partition: 'x' }),
      ['INVALID_RECORD', '/partition'],
    ],
    [
      'a tombstone without a key',
      { ...line({ value: null }), topic: 'compacted' },
      ['INVALID_RECORD', '/key'],
    ],
    [
      'a value, partition',
      { ...values, path: '?lines=value&partition=9', body: 'x' },
      [NO_PARTITION, '?partition'],
    ],
    ['a value, size', { ...values, body: TOO_LARGE }, ['MESSAGE_TOO_LARGE', '']],
    [
      'a value, length',
      { ...values, body: 'x'.repeat(REQUEST_BYTES_MAX + 1) },
      ['MESSAGE_TOO_LARGE', ''],
    ],
    ['a value, no key', { ...values, topic: 'compacted', body: 'x' }, ['INVALID_RECORD', '?key']],
  ])('%s', async (_, post, expected) => {
    expect(await problemOfLine(post)).toEqual(expected);
  });
});

function line(body: object, path = ''): Post {
  return { type: NDJSON, path, body };
}

describe('a fault of what is published is pointed at in the message', () => {
  test.each<[string, object, string[]]>([
    [
      'partition of a record',
      { records: [{ value: 1, partition: 9 }] },
      [NO_PARTITION, '/data/records/0/partition'],
    ],
    [
      'partition of the message',
      { partition: 9, records: [{ value: 1 }, { value: 2 }] },
      [NO_PARTITION, '/data/partition'],
    ],
    [
      'timestamp',
      { partition: 1, records: [{ value: 1, timestamp: LONG_AGO }] },
      ['INVALID_TIMESTAMP', '/data/records/0/timestamp'],
    ],
    ['size', { records: [{ value: TOO_LARGE }] }, ['MESSAGE_TOO_LARGE', '/data/records/0']],
  ])('%s', async (_, data, expected) => {
    const answer = await client.request('publish', { topic: topics.plain, ...data });
    expect(shown(answer.data as unknown as Problem)).toEqual(expected);
  });
});

test('a line that is not JSON fails alone when it is read in slices', async () => {
  const large = `{"value":"${'x'.repeat(IN_SLICES_BYTES)}" "key":"k"}`;
  const response = await fetch(`${gateway.url}/v1/topics/${topics.plain}/records`, {
    method: 'POST',
    headers: { 'Content-Type': NDJSON },
    body: `${large}\n{"value":1}\n`,
  });
  const lines = (await response.text()).trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    { line: 1, error: { code: 'INVALID_REQUEST', outcome: 'failed' } },
    { line: 2, offset: expect.any(Number) },
  ]);
});
