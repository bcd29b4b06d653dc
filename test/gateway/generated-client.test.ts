import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import createClient, { type Client } from 'openapi-fetch';
import openapiTS, { astToString } from 'openapi-typescript';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';

const run = promisify(execFile);

/** The folder is in dist/, so that the compiler and Node find the packages of this repository. */
const FOLDER = 'dist/test-generated-client';

let gateway: GatewayProcess;

beforeAll(async () => {
  gateway = await GatewayProcess.start();
  await rm(FOLDER, { recursive: true, force: true });
  await mkdir(FOLDER, { recursive: true });
});

afterAll(() => gateway.dispose());

/** A user's program, compiled against the generated types, so that it uses only what they allow. */
const MAIN_FLOW = `
import type { Client } from 'openapi-fetch';
import type { paths } from './schema.js';

type Media = 'application/json' | 'application/problem+json';

export async function mainFlow(client: Client<paths, Media>) {
  const created = await client.POST('/v1/topics', { body: { name: 'orders', partitions: 2 } });
  const name: string | undefined = created.data?.name;
  const produced = await client.POST('/v1/topics/{topic}/records', {
    params: { path: { topic: 'orders' }, query: { acks: 'all' } },
    body: { records: [{ key: 'ada', value: { item: 'tea' }, partition: 0 }, { value: 2, partition: 0 }] },
  });
  const fetched = await client.GET('/v1/topics/{topic}/partitions/{partition}/records', {
    params: { path: { topic: 'orders', partition: 0 }, query: { from: 'earliest' } },
  });
  const nextOffset: number | undefined = fetched.data?.nextOffset;
  const committed = await client.PUT('/v1/groups/{group}/offsets', {
    params: { path: { group: 'billing' } },
    body: { offsets: [{ topic: 'orders', partition: 0, offset: nextOffset ?? 0 }] },
  });
  const offsets = await client.GET('/v1/groups/{group}/offsets', {
    params: { path: { group: 'billing' } },
  });
  const missing = await client.GET('/v1/topics/{topic}', { params: { path: { topic: 'nowhere' } } });
  return {
    name,
    produced: produced.data?.offsets.map((place) => ('offset' in place ? place.offset : null)),
    values: fetched.data?.records.map((record) => record.value),
    committed: committed.data?.offsets.length,
    lag: offsets.data?.offsets[0]?.lag,
    code: missing.error?.code,
  };
}
`;

interface MainFlow {
  readonly mainFlow: (client: Client<object>) => Promise<unknown>;
}

test('a client generated from the document runs the main flow, typed', async () => {
  const document = new URL(`${gateway.url}/openapi.json`);
  await writeFile(join(FOLDER, 'schema.ts'), astToString(await openapiTS(document)));
  await writeFile(join(FOLDER, 'main-flow.ts'), MAIN_FLOW);
  await writeFile(join(FOLDER, 'package.json'), '{ "type": "module" }');
  const options = ['--strict', '--noEmitOnError', '--target', 'es2023', '--lib', 'es2023,dom'];
  const modules = ['--module', 'nodenext', '--skipLibCheck', '--ignoreConfig'];
  const compiler = join('node_modules', 'typescript', 'bin', 'tsc');
  const sources = [join(FOLDER, 'main-flow.ts')];
  await run(process.execPath, [compiler, ...options, ...modules, ...sources]);
  const { mainFlow } = (await import(pathToFileURL(join(FOLDER, 'main-flow.js')).href)) as MainFlow;
  expect(await mainFlow(createClient({ baseUrl: gateway.url }))).toEqual({
    name: 'orders',
    produced: [0, 1],
    values: [{ item: 'tea' }, 2],
    committed: 1,
    lag: 0,
    code: 'UNKNOWN_TOPIC_OR_PARTITION',
  });
});
