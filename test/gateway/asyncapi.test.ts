import { once } from 'node:events';
import { Parser } from '@asyncapi/parser';
import { Ajv, type ValidateFunction } from 'ajv';
import supertest from 'supertest';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { CLIENT_MESSAGES, SERVER_MESSAGES } from '#api';
import {
  type AsyncApiDocumentObject,
  type Frame,
  SERVER_EXAMPLES,
  SOCKET_EXAMPLES,
} from '#api/documents';
import { GatewayProcess } from '../support/gateway.js';

const DOCUMENT_ID = 'https://asyncapi.example/';
/** Members with values that differ from run to run, or that are sentences for people. */
const VOLATILE = new Set(['timestamp', 'detail', 'deadlineMs', 'topicIds']);

const clientEvents = Object.keys(CLIENT_MESSAGES);
const serverEvents = Object.keys(SERVER_MESSAGES);

let gateway: GatewayProcess;
let document: AsyncApiDocumentObject;
let ajv: Ajv;
/** Validators by the text of their schema: compiling one takes many milliseconds. */
const validators = new Map<string, ValidateFunction>();
let client: SocketClient;

beforeAll(async () => {
  gateway = await GatewayProcess.start();
  document = (await (await fetch(`${gateway.url}/asyncapi.json`)).json()) as AsyncApiDocumentObject;
  ajv = new Ajv({ strict: false, formats: { int32: true, int64: true, double: true } });
  ajv.addSchema(document, DOCUMENT_ID);
  // The timestamps of the examples are old, so retention would delete their records.
  const configs = { 'retention.ms': -1 };
  await api().post('/v1/topics').send({ name: 'orders', partitions: 3, configs }).expect(201);
  client = await SocketClient.connect(gateway.url);
});

afterAll(async () => {
  client?.close();
  await gateway?.dispose();
});

describe('the AsyncAPI document', () => {
  test('is valid AsyncAPI 3.0', async () => {
    const { document: parsed, diagnostics } = await new Parser().parse(JSON.stringify(document));
    const isLatestVersion = 'asyncapi-latest-version';
    expect(diagnostics.filter(({ code }) => code !== isLatestVersion)).toEqual([]);
    expect(parsed?.version()).toBe('3.0.0');
    expect(parsed?.allMessages().all()).toHaveLength(clientEvents.length + serverEvents.length);
  });

  test('it has the URL of the WebSocket, and its subprotocol', () => {
    const { host } = new URL(gateway.url);
    expect(document.servers).toMatchObject({ gateway: { host, protocol: 'ws' } });
    expect(document.channels['socket']).toMatchObject({
      address: '/v1/ws',
      bindings: {
        ws: { headers: { properties: { 'Sec-WebSocket-Protocol': { const: 'sluice.v1' } } } },
      },
    });
  });

  test("it describes the clients' messages with answers, and the gateway's own", () => {
    const described = Object.entries(document.operations).map(([event, operation]) => [
      event,
      operation.action,
      operation.reply?.messages.map(({ $ref }) => $ref.split('/').at(-1)),
    ]);
    const received = Object.entries(CLIENT_MESSAGES).map(([event, { answer }]) => [
      event,
      'receive',
      answer === null ? ['error'] : [answer, 'error'],
    ]);
    const answers = new Set(Object.values(CLIENT_MESSAGES).map(({ answer }) => answer));
    const sent = serverEvents
      .filter((event) => !answers.has(event as never))
      .map((event) => [event, 'send', undefined]);
    expect(described).toEqual([...received, ...sent]);
  });

  test('has an example of every message, which its schema accepts', () => {
    for (const [event, message] of Object.entries(document.components.messages)) {
      expect(message.examples.length, event).toBeGreaterThan(0);
      for (const { payload } of message.examples) assertDescribed(payload as Frame<string>);
    }
  });

  test('a frame with an extra member, or without a required one, is refused', () => {
    const [subscribe] = document.components.messages['subscribe']?.examples ?? [];
    const frame = subscribe?.payload as Frame<string> & { readonly data: object };
    expect(faultsOf(frame)).toBe('');
    expect(faultsOf({ ...frame, data: { ...frame.data, topicc: 'x' } })).toContain('additional');
    expect(faultsOf({ event: 'subscribe', data: {} })).toContain('required');
    expect(faultsOf({ event: 'subscribe' })).toContain('required');
  });
});

describe('the examples, sent in their order over one connection', () => {
  test.each(SOCKET_EXAMPLES.map((example) => [example.name, example] as const))(
    '%s',
    async (_, { message, answer }) => {
      const before = client.errors.length;
      if (isAboutRecords(message)) await client.received((frame) => hasRecords(frame, message));
      client.send(message);
      if (answer === undefined) {
        // Messages are answered in order, so every earlier answer precedes this one.
        client.send({ event: 'ping', id: 'after' });
        await client.received(({ id }) => id === 'after');
        expect(client.errors.slice(before)).toEqual([]);
        return;
      }
      const received = await client.received(({ id }) => id === message.id);
      expect(steady(received)).toEqual(steady(answer));
    },
  );

  test('the gateway has no other event', async () => {
    client.send({ event: 'nonsense', id: 'other' });
    const { data } = await client.received(({ id }) => id === 'other');
    const { detail } = data as { readonly detail: string };
    for (const event of clientEvents) expect(detail).toContain(event);
  });
});

describe('messages that the gateway sends on its own', () => {
  const byName = new Map(SERVER_EXAMPLES.map((example) => [example.name, example.message]));

  test('records', () => isReceived('records'));

  test('expiring', async () => {
    const configs = { 'share.record.lock.duration.ms': 600 };
    await api().patch('/v1/groups/slow/configs').send({ configs }).expect(200);
    const queue = { group: 'slow', mode: 'queue', from: 'earliest', credit: 1, expiring: true };
    const data = { subscription: 'slow', topic: 'orders', ...queue };
    client.send({ event: 'subscribe', id: 's', data });
    await isReceived('expiring');
    client.send({ event: 'unsubscribe', id: 'u', data: { subscription: 'slow' } });
    await client.received(({ id }) => id === 'u');
  });

  test('revoked', async () => {
    const body = { topics: ['orders'] };
    await api().post('/v1/groups/fulfilment/members').send(body).expect(201);
    await isReceived('revoked');
  });

  test('assigned', async () => {
    await api().patch('/v1/topics/orders').send({ partitions: 4 }).expect(200);
    await isReceived('assigned');
  });

  test('reset', async () => {
    const data = { subscription: 'late', topic: 'orders', from: 'earliest', credit: 0 };
    client.send({ event: 'subscribe', id: 'l', data: { ...data, autoOffsetReset: 'earliest' } });
    await client.received(({ id }) => id === 'l');
    const records = [0, 1, 2].map((value) => ({ value, partition: 1 }));
    await api().post('/v1/topics/orders/records').send({ records }).expect(200);
    await api().delete('/v1/topics/orders/partitions/1/records?beforeOffset=2').expect(200);
    client.send({ event: 'credit', data: { subscription: 'late', records: 10 } });
    await isReceived('reset');
  });

  test('error', async () => {
    await api().delete('/v1/topics/orders').expect(204);
    await isReceived('deleted');
  });

  test('all events of the document were received, and no others', () => {
    expect(new Set(client.frames.map(({ event }) => event))).toEqual(new Set(serverEvents));
    for (const frame of client.frames) assertDescribed(frame);
  });

  /** Resolves when the frame of the example has arrived. */
  async function isReceived(name: string): Promise<void> {
    const example = JSON.stringify(steady(byName.get(name)), sorted);
    await client.received((frame) => JSON.stringify(steady(frame), sorted) === example);
  }
});

/** A connection that keeps every received frame. */
class SocketClient {
  readonly frames: Frame<string>[] = [];
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (bytes: Buffer) => {
      this.frames.push(JSON.parse(bytes.toString()) as Frame<string>);
    });
  }

  static async connect(url: string): Promise<SocketClient> {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/ws`, 'sluice.v1');
    const client = new SocketClient(socket);
    await once(socket, 'open');
    return client;
  }

  get errors(): readonly Frame<string>[] {
    return this.frames.filter(({ event }) => event === 'error');
  }

  send(frame: Frame<string>): void {
    this.#socket.send(JSON.stringify(frame));
  }

  /** Resolves with the first frame of that kind, now or later. */
  async received(isWanted: (frame: Frame<string>) => boolean): Promise<Frame<string>> {
    await expect.poll(() => this.frames.some(isWanted)).toBe(true);
    const frame = this.frames.find(isWanted);
    if (frame === undefined) throw new Error('a frame went away');
    return frame;
  }

  close(): void {
    this.#socket.close();
  }
}

/** True for a message that a subscription in queue mode takes about its records. */
function isAboutRecords({ event, data = {} }: Frame<string>): boolean {
  const { subscription } = data as { readonly subscription?: string };
  return subscription === 'jobs' && ['ack', 'nack', 'extend', 'reject'].includes(event);
}

/** True when a frame has the record that a message is about, or the last one of them. */
function hasRecords(frame: Frame<string>, message: Frame<string>): boolean {
  if (frame.event !== 'records') return false;
  const { subscription, offset, offsets = [offset] } = message.data as MessageAboutRecords;
  const { records, ...received } = frame.data as ReceivedRecords;
  const isIts = received.subscription === subscription && received.partition === 0;
  return isIts && records.some((record) => record.offset === offsets.at(-1));
}

interface MessageAboutRecords {
  readonly subscription: string;
  readonly offset?: number;
  readonly offsets?: readonly (number | undefined)[];
}

interface ReceivedRecords {
  readonly subscription: string;
  readonly partition: number;
  readonly records: readonly { readonly offset: number }[];
}

function assertDescribed(frame: Frame<string>): void {
  expect(faultsOf(frame), JSON.stringify(frame)).toBe('');
}

/** Returns the violations of the schema of the frame's event; empty if there are none. */
function faultsOf(frame: Frame<string>): string {
  const payload = document.components.messages[frame.event]?.payload;
  if (payload === undefined) return `the document has no event ${frame.event}`;
  const text = JSON.stringify(payload).replaceAll('"#/', `"${DOCUMENT_ID}#/`);
  const validate = validators.get(text) ?? ajv.compile(JSON.parse(text) as object);
  validators.set(text, validate);
  return validate(frame) ? '' : ajv.errorsText(validate.errors);
}

/** Returns the value with varying members replaced by their types. */
function steady(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(steady);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      VOLATILE.has(name) ? typeof member : steady(member),
    ]),
  );
}

/** Replacer for JSON.stringify: members in the order of their names. */
function sorted(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => a.localeCompare(b)));
}

function api(): ReturnType<typeof supertest> {
  return supertest(gateway.url);
}
