/**
 * The OpenAPI document and the server agree: the server accepts every request that the document
 * allows, and refuses all others.
 */

import supertest from 'supertest';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type OpenApiDocument } from '#api/documents';
import { GatewayProcess } from '../support/gateway.js';
import { type DocumentRequest, DocumentRequests } from './document-requests.js';

/** Codes of requests that do not match the document. */
const NOT_DESCRIBED = ['INVALID_REQUEST', 'UNSUPPORTED_MEDIA_TYPE'];

/** Requests that the server accepts and the schemas do not; the descriptions mention them. */
const IN_WORDS: readonly RegExp[] = [
  // A single record, and an object of headers; any other body is a value.
  /^produce: the body(\/records\/0)?\/headers is /,
  /^(commitOffsets|commitAsMember): the body\/offsets\/0\/offset is null$/,
  // The answer of GET may be sent back.
  /^reassignReplicas: the body without replicas$/,
];

/** Requests that name something that does not exist, which is INVALID_REQUEST for them. */
const NAMES_NOTHING: readonly RegExp[] = [/^acceptDataLoss: /];

let gateway: GatewayProcess;
let requests: DocumentRequests;

beforeAll(async () => {
  gateway = await GatewayProcess.start();
  const api = supertest(gateway.url);
  await api.post('/v1/topics').send({ name: 'orders' }).expect(201);
  await api.post('/v1/topics/orders/records').send({ value: 1 }).expect(200);
  const { body } = await api.get('/openapi.json').expect(200);
  const names = {
    topic: 'orders',
    group: 'billing',
    memberId: 'worker',
    name: 'made',
    principal: 'user:made',
  };
  const values = { ...names, partition: '0', offset: '0', at: 'latest' };
  requests = new DocumentRequests(body as OpenApiDocument, values);
});

afterAll(() => gateway?.dispose());

test('every request that the document allows is accepted, with a documented status', async () => {
  await expectNone([...requests.allowed()].filter(isHarmless), ({ status, code }, request) => {
    const isAccepted = !NOT_DESCRIBED.includes(code ?? '') || matches(NAMES_NOTHING, request);
    return isAccepted && request.operation.responses[status] !== undefined;
  });
});

test('every request that the document forbids is refused, with a documented status', async () => {
  await expectNone([...requests.forbidden()], ({ status }, request) => {
    const isRefused = (status >= 400 && status < 500) || matches(IN_WORDS, request);
    return isRefused && request.operation.responses[status] !== undefined;
  });
});

test.each<[string, string, string, Record<string, string>?]>([
  ['two positions', 'GET', '/v1/topics/orders/partitions/0/records?offset=0&timestamp=0'],
  [
    'an offset and the end',
    'GET',
    '/v1/topics/orders/partitions/0/records:raw?offset=0&from=latest',
  ],
  ['a part of a producer', 'POST', '/v1/topics/orders/records', { 'Producer-Id': '1' }],
])(
  'mutually exclusive parameters are refused together: %s',
  async (_, method, path, headers = {}) => {
    const body = method === 'POST' ? { body: '{"records":[{"value":1}]}' } : {};
    const type = { 'Content-Type': 'application/json', ...headers };
    expect((await fetch(gateway.url + path, { method, headers: type, ...body })).status).toBe(400);
  },
);

/** Deletions of objects that the other requests need are omitted. */
function isHarmless({ method, operation }: DocumentRequest): boolean {
  return method !== 'delete' || operation.operationId !== 'deleteTopic';
}

interface Answer {
  readonly status: number;
  readonly code: string | undefined;
  /** True if the answer forbids browsers to guess a type. */
  readonly isNosniff: boolean;
}

/** Sends all requests, and expects the right answer to each. */
async function expectNone(
  sent: readonly DocumentRequest[],
  isRight: (answer: Answer, request: DocumentRequest) => boolean,
): Promise<void> {
  const disagreements: string[] = [];
  for (const request of sent) {
    const answer = await send(request);
    if (isRight(answer, request) && answer.isNosniff) continue;
    disagreements.push(`${titleOf(request)} is ${answer.status} ${answer.code ?? ''}`.trim());
  }
  expect(sent.length).toBeGreaterThan(100);
  expect(disagreements).toEqual([]);
}

/** Returns the head of the answer, and the code of a problem: streams have no end. */
async function send({ method, path, query, headers, body }: DocumentRequest): Promise<Answer> {
  const url = new URL(path, gateway.url);
  for (const [name, value] of query) url.searchParams.append(name, value);
  const stop = new AbortController();
  const response = await fetch(url, {
    method: method.toUpperCase(),
    headers,
    redirect: 'manual',
    signal: stop.signal,
    ...(body === undefined ? {} : { body }),
  });
  const isProblem = response.headers.get('content-type') === 'application/problem+json';
  const code = isProblem ? ((await response.json()) as { code: string }).code : undefined;
  stop.abort();
  const isNosniff = response.headers.get('x-content-type-options') === 'nosniff';
  return { status: response.status, code, isNosniff };
}

function titleOf({ operation, what }: DocumentRequest): string {
  return `${operation.operationId}: ${what}`;
}

function matches(patterns: readonly RegExp[], request: DocumentRequest): boolean {
  return patterns.some((pattern) => pattern.test(titleOf(request)));
}
