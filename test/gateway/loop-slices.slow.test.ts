import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AsyncApiDocumentObject } from '#api/documents';
import { GatewayProcess } from '../support/gateway.js';
import { SliceChecks } from '../support/slice-checks.js';
import { SocketClient } from '../ws/socket-client.js';
import { type Body, type BodySchema, type BodySizes, largestBodies } from './largest-bodies.js';

const MIB = 1024 * 1024;
/** Records: SLUICE_REQUEST_BYTES_MAX, SLUICE_RECORDS_PER_REQUEST_MAX. */
const RECORDS: BodySizes = { bytesMax: 16 * MIB - 200, counts: [99_999] };
/** Bodies of the control plane: SLUICE_CONTROL_BYTES_MAX, and bounds on counts. */
const CONTROL: BodySizes = { bytesMax: MIB, counts: [999, 9999] };

let gateway: GatewayProcess;
let checks: SliceChecks;

beforeAll(async () => {
  gateway = await GatewayProcess.start({ NODE_OPTIONS: '--inspect=127.0.0.1:0' });
  checks = await SliceChecks.of(gateway);
  const topic = JSON.stringify({ name: 'orders', partitions: 2 });
  expect((await send('POST', '/v1/topics', topic)).status).toBe(201);
});

afterAll(async () => {
  checks?.close();
  await gateway?.dispose();
});

test('no body of an operation stops the event loop', { timeout: 300_000 }, async () => {
  for (const operation of await operations()) {
    for (const body of largestBodies(operation.schema, operation.lookup, operation.sizes)) {
      const { method, path, contentType } = operation;
      const name = `${method} ${path} ${contentType}: ${body.name}`;
      await checks.check(name, async () => {
        const answer = await send(method, path, body.text, contentType);
        expect(answer.status, name).toBeLessThan(500);
        if (answer.status >= 400) expect(answer.text.length, name).toBeLessThan(32 * 1024);
      });
    }
  }
  expect(checks.takeTooLong()).toEqual([]);
});

test('no message of a WebSocket client stops the event loop', { timeout: 300_000 }, async () => {
  const document = (await (
    await fetch(`${gateway.url}/asyncapi.json`)
  ).json()) as AsyncApiDocumentObject;
  const lookup = (reference: string) => componentOf(document, reference);
  const client = await SocketClient.open(gateway.url);
  let count = 0;
  for (const { name, text } of messages(document, lookup)) {
    count += 1;
    await checks.check(name, async () => {
      const received = client.messages.length;
      client.sendRaw(text);
      await expect.poll(() => client.messages.length, { interval: 2 }).toBeGreaterThan(received);
    });
  }
  expect(count).toBeGreaterThan(50);
  expect(checks.takeTooLong()).toEqual([]);
  client.socket.terminate();
});

interface Operation {
  readonly method: string;
  readonly path: string;
  readonly contentType: string;
  readonly schema: BodySchema;
  readonly lookup: (reference: string) => BodySchema | undefined;
  readonly sizes: BodySizes;
}

async function operations(): Promise<Operation[]> {
  const document = (await (await fetch(`${gateway.url}/openapi.json`)).json()) as OpenApiDocument;
  const lookup = (reference: string) => componentOf(document, reference);
  const found: Operation[] = [];
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, { requestBody }] of Object.entries(methods)) {
      for (const [contentType, media] of Object.entries(requestBody?.content ?? {})) {
        found.push({
          method: method.toUpperCase(),
          path: path.replace('{partition}', '0').replace(/\{\w+\}/g, 'orders'),
          contentType,
          schema: media.schema ?? {},
          lookup,
          sizes: path.endsWith('/records') ? RECORDS : CONTROL,
        });
      }
    }
  }
  expect(found.length).toBeGreaterThan(5);
  return found;
}

/** Yields the documented messages of clients, with the largest data. */
function* messages(
  document: AsyncApiDocumentObject,
  lookup: (reference: string) => BodySchema | undefined,
): Generator<Body> {
  const received = Object.values(document.operations).filter(({ action }) => action === 'receive');
  const references = received.flatMap((operation) => operation.messages ?? []);
  expect(references.length).toBeGreaterThan(8);
  for (const { $ref } of references) {
    const event = $ref.split('/').at(-1) ?? '';
    const { payload } = resolved(document, $ref) as { readonly payload: BodySchema };
    const envelope = payload.$ref === undefined ? payload : (lookup(payload.$ref) ?? {});
    const schema = envelope.properties?.['data'] ?? {};
    for (const { name, text } of largestBodies(schema, lookup, CONTROL)) {
      yield { name: `${event}: ${name}`, text: `{"event":"${event}","id":1,"data":${text}}` };
    }
  }
}

/** Resolves a reference, through other references. */
function resolved(document: object, reference: string): unknown {
  const named = componentOf(document, reference);
  return named?.$ref === undefined ? named : resolved(document, named.$ref);
}

interface OpenApiDocument {
  readonly paths: Readonly<
    Record<
      string,
      Readonly<
        Record<
          string,
          {
            readonly requestBody?: {
              readonly content: Readonly<Record<string, { readonly schema?: BodySchema }>>;
            };
          }
        >
      >
    >
  >;
}

/** Returns the component that a reference within a document names. */
function componentOf(document: object, reference: string): BodySchema | undefined {
  let part: unknown = document;
  for (const name of reference.split('/').slice(1)) {
    part = (part as Readonly<Record<string, unknown>> | undefined)?.[name];
  }
  return part as BodySchema | undefined;
}

async function send(
  method: string,
  path: string,
  body: string,
  contentType = 'application/json',
): Promise<{ readonly status: number; readonly text: string }> {
  const headers = { 'Content-Type': contentType };
  const response = await fetch(gateway.url + path, { method, headers, body });
  return { status: response.status, text: await response.text() };
}
