import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  API_EXAMPLES,
  type ApiExample,
  EXAMPLE_KEY_ID,
  EXAMPLE_PRODUCER_ID,
  EXAMPLE_PRODUCER_TOKEN,
  EXAMPLE_TOPIC_DIGITS,
  type MediaType,
  type OpenApiDocument,
  type OpenApiOperation,
  operationsOf,
} from '#api/documents';
import { AUTH_ON, bearer, ROOT_KEY } from '../security/keys.js';
import { GatewayProcess } from '../support/gateway.js';
import { loseLastBatch } from '../support/lost-end.js';

/** Members with values that differ from run to run; all others must equal the document's. */
const VOLATILE = new Set([
  'timestamp',
  'clusterId',
  'topicId',
  'url',
  'sizeBytes',
  'producerId',
  'inUse',
  'limit',
  'id',
  'key',
  'createdAt',
  'producerToken',
  'ticket',
  'expiresAt',
]);

/** The example before which a record must be lost. */
const FIRST_OF_LOST_RECORDS = API_EXAMPLES.find(
  ({ operationId }) => operationId === 'acceptDataLoss',
);

/** References between schemas use their places in the document. */
const DOCUMENT_ID = 'https://openapi.example/';

let gateway: GatewayProcess;
let document: OpenApiDocument;
let ajv: Ajv2020;
/** Id of the key that the example created. */
let createdId = '';
/** Validators by the text of their schema: compiling one takes many milliseconds. */
const validators = new Map<string, ValidateFunction>();
/** The producer id that the example got, and its token. */
let issued = { producerId: 0, producerToken: '' };

beforeAll(async () => {
  gateway = await GatewayProcess.start(AUTH_ON);
  document = (await (await fetch(`${gateway.url}/openapi.json`)).json()) as OpenApiDocument;
  ajv = new Ajv2020({
    strict: false,
    formats: { binary: true, int32: true, int64: true, double: true },
  });
  ajv.addSchema(document, DOCUMENT_ID);
});

afterAll(() => gateway.dispose());

describe('the OpenAPI document', () => {
  test('is valid OpenAPI 3.1', async () => {
    const { valid, errors } = await new Validator().validate({ ...structuredClone(document) });
    expect(errors).toBeUndefined();
    expect(valid).toBe(true);
    expect(document.openapi).toBe('3.1.0');
  });

  test('describes every operation with an id, a summary, a tag and an example of an answer', () => {
    for (const { path, method, operation } of operationsOf(document)) {
      const where = `${method} ${path}`;
      expect(operation.operationId, where).toMatch(/^[a-z]\w+$/);
      expect(operation.summary, where).toBeTypeOf('string');
      expect(operation.tags, where).toHaveLength(1);
      const hasExample = API_EXAMPLES.some(
        (example) => example.operationId === operation.operationId && example.response.status < 300,
      );
      // The text of metrics differs every time.
      expect(hasExample || operation.operationId === 'metrics', where).toBe(true);
    }
  });

  test('has an example of every error, with its code', () => {
    for (const { path, method, operation } of operationsOf(document)) {
      for (const [status, { content }] of Object.entries(operation.responses)) {
        if (Number(status) < 400 || path.startsWith('/health')) continue;
        const problems = Object.values(content?.['application/problem+json']?.examples ?? {});
        expect(problems.length, `${method} ${path} ${status}`).toBeGreaterThan(0);
        for (const { value } of problems) {
          expect(value).toMatchObject({ status: Number(status), code: expect.any(String) });
          assertMatches(value, { $ref: '#/components/schemas/Problem' });
        }
      }
    }
  });

  test('every example of a JSON body matches its schema, in requests that are accepted', () => {
    for (const example of API_EXAMPLES) {
      const { request, response } = example;
      if (response.status < 300 && request.body?.contentType === 'application/json') {
        const content = operationOf(example).requestBody?.content['application/json'];
        assertMatches(request.body.value, schemaOf(content));
      }
    }
  });
});

test('every member that an answer always has is required', () => {
  const topic = document.components.schemas['Topic'];
  expect(topic?.['required']).toEqual([
    'name',
    'topicId',
    'internal',
    'configs',
    'configSources',
    'partitions',
  ]);
});

describe('the examples, sent in their order', () => {
  test.each(API_EXAMPLES.map((example) => [`${example.operationId}: ${example.name}`, example]))(
    '%s',
    async (_, example) => {
      if (example === FIRST_OF_LOST_RECORDS) await loseRecord();
      const answer = await send(example);
      const expected = example.response.body;
      const received =
        expected?.contentType === 'text/event-stream'
          ? withExampleTopic(await beginning(answer, String(expected.value).length))
          : await answer.text();
      const isOfId = issued.producerId > 0;
      const text = isOfId
        ? received.replaceAll(String(issued.producerId), String(EXAMPLE_PRODUCER_ID))
        : received;
      expect(answer.status, text).toBe(example.response.status);
      if (expected === undefined) {
        expect(text).toBe('');
        return;
      }
      expect(answer.headers.get('content-type')?.split(';')[0]).toBe(expected.contentType);
      if (!expected.contentType.endsWith('json') || expected.contentType.includes('ndjson')) {
        expect(text).toBe(expected.value);
        return;
      }
      const body: unknown = JSON.parse(text);
      if (example.operationId === 'createApiKey' && answer.ok) {
        createdId = (body as { id: string }).id;
      }
      if (example.operationId === 'initProducer') {
        issued = body as typeof issued;
      }
      const operation = operationOf(example);
      assertMatches(
        body,
        schemaOf(operation.responses[answer.status]?.content?.[expected.contentType]),
      );
      expect(steady(body)).toEqual(steady(expected.value));
    },
  );
});

/** The machine loses the last record of orders-0 while the gateway is stopped. */
async function loseRecord(): Promise<void> {
  await gateway.stop();
  await loseLastBatch(gateway.dataDir, 'orders-0');
  await gateway.start();
}

function operationOf({ operationId }: ApiExample): OpenApiOperation {
  for (const { operation } of operationsOf(document)) {
    if (operation.operationId === operationId) return operation;
  }
  throw new Error(`there is no operation ${operationId}`);
}

function schemaOf(content: MediaType | undefined): object {
  if (content?.schema === undefined) throw new Error('the document has no schema there');
  return content.schema;
}

/** Checks a value against a schema of the document. */
function assertMatches(value: unknown, schema: object): void {
  const text = JSON.stringify(schema).replaceAll('"#/', `"${DOCUMENT_ID}#/`);
  const validate = validators.get(text) ?? ajv.compile(JSON.parse(text) as object);
  validators.set(text, validate);
  expect(validate(value), `${JSON.stringify(value)}: ${ajv.errorsText(validate.errors)}`).toBe(
    true,
  );
}

/** Returns the value of a header: the examples name a producer id that was not issued. */
function sentText(value: unknown): string {
  if (value === EXAMPLE_PRODUCER_ID) return String(issued.producerId);
  return value === EXAMPLE_PRODUCER_TOKEN ? issued.producerToken : String(value);
}

/** The example of a key names an id that no broker generates. */
function keyIdOf({ path }: ApiExample['request']): string {
  return path?.['id'] === EXAMPLE_KEY_ID ? createdId : String(path?.['id']);
}

function send({ operationId, request }: ApiExample): Promise<Response> {
  for (const { path, method, operation } of operationsOf(document)) {
    if (operation.operationId !== operationId) continue;
    const target = path.replace(/\{(\w+)\}/g, (_, name: string) =>
      encodeURIComponent(name === 'id' ? keyIdOf(request) : String(request.path?.[name])),
    );
    const url = new URL(target, gateway.url);
    for (const [name, value] of Object.entries(request.query ?? {})) {
      url.searchParams.set(name, String(value));
    }
    const headers = new Headers(bearer(ROOT_KEY));
    for (const [name, value] of Object.entries(request.headers ?? {})) {
      headers.set(name, sentText(value));
    }
    const init: RequestInit = { method: method.toUpperCase(), headers };
    if (request.body !== undefined) {
      const { contentType, value } = request.body;
      headers.set('Content-Type', contentType);
      init.body = contentType === 'application/json' ? JSON.stringify(value) : String(value);
    }
    return fetch(url, init);
  }
  throw new Error(`there is no operation ${operationId}`);
}

/** Returns the first characters of an endless answer. */
async function beginning({ body }: Response, length: number): Promise<string> {
  let text = '';
  for await (const part of body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += part;
    if (text.length >= length) break;
  }
  return text.slice(0, length);
}

/** Replaces the topic in the ids of events by that of the examples. */
function withExampleTopic(events: string): string {
  return events.replaceAll(/^(id: .*;).{8}$/gm, `$1${EXAMPLE_TOPIC_DIGITS}`);
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
