/**
 * The AsyncAPI document and the server agree: each member of each example is replaced by other
 * values, omitted, and joined by others; the server accepts exactly the frames that the document's
 * schemas accept.
 */

import { once } from 'node:events';
import { Ajv } from 'ajv';
import supertest from 'supertest';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { CLIENT_MESSAGES } from '#api';
import { type AsyncApiDocumentObject } from '#api/documents';
import { GatewayProcess } from '../support/gateway.js';
import { type Json, mutationsOf } from './json-mutations.js';

const DOCUMENT_ID = 'https://asyncapi.example/';
const FRAMES_AT_ONCE = 50;

/** Frames that the server refuses and the schema accepts; the descriptions mention them. */
const REFUSED_IN_WORDS: readonly RegExp[] = [
  // Either `offset` or `offsets`.
  /^(ack|nack|extend|reject): .*data\/offsets?( is left out|\/0 is | is added)/,
  // Members of groups need the group, and credit where granting it commits.
  /^subscribe: .*data\/(group|instanceId|autoCommit|mode|expiring)/,
  /^subscribe: .*data\/credit is left out$/,
  // The coordinator of a group checks the names of topics.
  /^subscribe: subscribe-to-queue, \/data\/topic is "/,
  // Either `topic` or `topics`, and positions of one topic only with one.
  /^subscribe: .*data\/topics?( is left out|\/0 is )/,
  /^subscribe: .*data\/from/,
  // No partition may appear twice; members that a later answer may have are refused.
  /^commit: .*data\/offsets (repeats an item)|offsets\/0\/nonsense is added$/,
  /^release: .*partitions\/0\/nonsense is added$/,
  // A record has one of `value` and `valueBase64`; a producer id requires an epoch and a sequence.
  /^publish: .*records\/\d+\/(value|key)(Base64)? (is left out|is added)/,
  /^publish: .*data\/(producer|partition)/,
];

/** Frames that the server accepts and the schema does not; the descriptions mention them. */
const ACCEPTED_IN_WORDS: readonly RegExp[] = [
  // An object of headers; 0 and 1 as numbers; an entry that was never committed is ignored.
  /^publish: .*records\/\d+\/headers is /,
  /^publish: .*data\/acks is [01]$/,
  /^commit: .*offsets\/\d+\/offset is null$/,
];

interface Candidate {
  readonly title: string;
  readonly frame: Json;
  readonly isAllowed: boolean;
}

interface Refusal {
  readonly code: string;
  readonly detail: string;
}

let gateway: GatewayProcess;
let candidates: readonly Candidate[];

beforeAll(async () => {
  gateway = await GatewayProcess.start();
  const api = supertest(gateway.url);
  await api.post('/v1/topics').send({ name: 'orders', partitions: 3 }).expect(201);
  const { body } = await api.get('/asyncapi.json').expect(200);
  candidates = candidatesOf(body as AsyncApiDocumentObject);
});

afterAll(() => gateway?.dispose());

test('each kind of message has frames that the document allows, and frames that it forbids', () => {
  for (const event of Object.keys(CLIENT_MESSAGES)) {
    const own = candidates.filter(({ title }) => title.startsWith(`${event}: `));
    expect(own.filter(({ isAllowed }) => isAllowed).length, event).toBeGreaterThan(2);
    expect(own.filter(({ isAllowed }) => !isAllowed).length, event).toBeGreaterThan(5);
  }
});

test('the server accepts the frames that the document allows, and no others', async () => {
  const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/v1/ws`, 'sluice.v1');
  socket.setMaxListeners(FRAMES_AT_ONCE + 2);
  await once(socket, 'open');
  const disagreements: string[] = [];
  for (let at = 0; at < candidates.length; at += FRAMES_AT_ONCE) {
    const some = candidates.slice(at, at + FRAMES_AT_ONCE);
    const refusals = await Promise.all(some.map((each) => refusalOf(socket, each.frame)));
    for (const [index, { title, isAllowed }] of some.entries()) {
      const refusal = refusals[index];
      const isRight = isAllowed ? refusal?.code !== 'INVALID_REQUEST' : refusal !== undefined;
      if (isRight || isInWords(title, isAllowed)) continue;
      disagreements.push(`${title}: ${refusal?.detail ?? 'taken'}`);
    }
  }
  socket.close();
  expect(candidates.length).toBeGreaterThan(500);
  expect(disagreements).toEqual([]);
});

function isInWords(title: string, isAllowed: boolean): boolean {
  const known = isAllowed ? REFUSED_IN_WORDS : ACCEPTED_IN_WORDS;
  return known.some((pattern) => pattern.test(title));
}

/**
 * Returns the examples of all client messages, and their mutations, judged by the document's
 * schemas.
 */
function candidatesOf(document: AsyncApiDocumentObject): readonly Candidate[] {
  const ajv = new Ajv({ strict: false, formats: { int32: true, int64: true, double: true } });
  ajv.addSchema(document, DOCUMENT_ID);
  return Object.keys(CLIENT_MESSAGES).flatMap((event) => {
    const message = document.components.messages[event];
    const schema = JSON.stringify(message?.payload).replaceAll('"#/', `"${DOCUMENT_ID}#/`);
    const validate = ajv.compile(JSON.parse(schema) as object);
    return (message?.examples ?? []).flatMap(({ name, payload }) =>
      [...mutationsOf(payload as unknown as Json)].map(([what, frame]) => ({
        title: `${event}: ${name}, ${what}`,
        frame,
        isAllowed: validate(frame),
      })),
    );
  });
}

const QUEUE_EVENTS: ReadonlySet<string> = new Set(['ack', 'nack', 'extend', 'reject']);
/** Names of subscriptions in queue mode. */
const queues = new Set<Json>();
let turns = 0;

/**
 * Sends a frame on a connection that has the subscription in it, or no subscription of that name if
 * the frame begins one.
 * @returns the error answer; undefined if there is none
 */
async function refusalOf(socket: WebSocket, frame: Json): Promise<Refusal | undefined> {
  turns += 1;
  const turn = `turn-${turns}`;
  const named = subscriptionOf(frame);
  const event = memberOf(frame, 'event');
  const send = (event: string, id: string, data: object): void => {
    socket.send(JSON.stringify({ event, id, data }));
  };
  const errors = errorsOfTurn(socket, turn);
  if (typeof event === 'string' && QUEUE_EVENTS.has(event)) {
    // The member stays: each join and each leave is written to disk.
    if (!queues.has(named)) {
      const member = { group: 'workers', mode: 'queue', credit: 0 };
      send('subscribe', 'before', { subscription: named, topic: 'orders', ...member });
    }
    queues.add(named);
    send('ping', `${turn}-begin`, {});
    socket.send(JSON.stringify(frame));
    send('ping', `${turn}-end`, {});
    return await errors;
  }
  if (event !== 'subscribe') {
    // Only a member can release partitions, and commit without naming a group.
    const isOfMember = event === 'commit' || event === 'release';
    const group = isOfMember ? { group: 'members' } : {};
    send('subscribe', 'before', { subscription: named, topic: 'orders', credit: 0, ...group });
  }
  send('ping', `${turn}-begin`, {});
  socket.send(JSON.stringify(frame));
  send('ping', `${turn}-end`, {});
  send('unsubscribe', 'after', { subscription: named });
  queues.delete(named);
  return await errors;
}

/** Resolves with the error that answers the frame between two pings. */
function errorsOfTurn(socket: WebSocket, turn: string): Promise<Refusal | undefined> {
  return new Promise((resolve) => {
    let hasBegun = false;
    let refusal: Refusal | undefined;
    const listen = (bytes: Buffer): void => {
      const { event, id, data } = JSON.parse(bytes.toString()) as {
        event: string;
        id?: string;
        data: Refusal;
      };
      if (id === `${turn}-begin`) hasBegun = true;
      const isError = event === 'error' && id !== 'before' && id !== 'after';
      if (hasBegun && isError) refusal = data;
      if (id !== `${turn}-end`) return;
      socket.off('message', listen);
      resolve(refusal);
    };
    socket.on('message', listen);
  });
}

function subscriptionOf(frame: Json): Json {
  const named = memberOf(memberOf(frame, 'data'), 'subscription');
  return typeof named === 'string' && named !== '' ? named : 'live';
}

function memberOf(value: Json, name: string): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  return (value as Readonly<Record<string, Json>>)[name] ?? null;
}
