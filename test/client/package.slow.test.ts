import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { rolldown } from 'rolldown';
import { build, type PreviewServer, preview } from 'vite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BrowserUnderTest, type WatchedPage } from '../browser/browser-under-test.js';
import { GatewayProcess } from '../support/gateway.js';

const run = promisify(execFile);
/** Bytes that a page with an entry loads at first, compressed, over the WebSocket. */
const FIRST_BYTES_MAX = [
  { entry: 'sluice-client/reader', name: 'SluiceReader', bytesMax: 8.65 * 1024 },
  { entry: 'sluice-client/writer', name: 'SluiceWriter', bytesMax: 9 * 1024 },
  { entry: 'sluice-client', name: 'Sluice', bytesMax: 15 * 1024 },
];
/** Bytes of all parts together, compressed: also queues, `run`, and the transports over HTTP. */
const ALL_BYTES_MAX = 37.1 * 1024;

let folder: string;
let tarball: string;

/** A scratch project with the packed client in it. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-client-'));
  await run('npm', ['pack', '-w', 'sluice-client', '--pack-destination', folder]);
  const [packed] = await readdir(folder);
  tarball = join(folder, packed ?? '');
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  const modules = join(folder, 'node_modules', 'sluice-client');
  await mkdir(modules, { recursive: true });
  await run('tar', ['xzf', tarball, '-C', modules, '--strip-components=1']);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

test('publint and "are the types wrong" find no fault', async () => {
  const { messages, pkg } = await publint({
    pkgDir: join(folder, 'node_modules', 'sluice-client'),
    strict: true,
  });
  expect(messages.map((message) => formatMessage(message, pkg))).toEqual([]);
  const data = createPackageFromTarballData(new Uint8Array(await readFile(tarball)));
  const analysis = await checkPackage(data);
  // The package is for ESM only: `require` of it is not an entry point.
  const problems = 'problems' in analysis ? analysis.problems : ['no types'];
  const faults = problems.filter(
    (problem) => typeof problem === 'string' || !isOfOldResolution(problem),
  );
  expect(faults).toEqual([]);
});

test('the tarball has only the bundle, its types and the text about it', async () => {
  const { stdout } = await run('tar', ['tzf', tarball]);
  const files = stdout.trim().split('\n').toSorted();
  expect(files).toEqual([
    'package/LICENSE',
    'package/README.md',
    'package/dist/call-operation.js',
    'package/dist/client.js',
    'package/dist/connection.js',
    'package/dist/http-caller.js',
    'package/dist/http-transports.js',
    'package/dist/index.d.ts',
    'package/dist/index.js',
    'package/dist/node-fetch.js',
    'package/dist/node.d.ts',
    'package/dist/node.js',
    'package/dist/node/index.js',
    'package/dist/node/reader.js',
    'package/dist/node/writer.js',
    'package/dist/open-pipeline.js',
    'package/dist/open-queue-worker.js',
    'package/dist/producer.d.ts',
    'package/dist/reader.d.ts',
    'package/dist/reader.js',
    'package/dist/reading.js',
    'package/dist/record-runner.js',
    'package/dist/sluice-error.d.ts',
    'package/dist/socket-subscription.js',
    'package/dist/socket-transports.js',
    'package/dist/subscription.d.ts',
    'package/dist/token.js',
    'package/dist/with-node-fetch.js',
    'package/dist/writer.d.ts',
    'package/dist/writer.js',
    'package/dist/writing.js',
    'package/package.json',
  ]);
  const root = join(folder, 'node_modules/sluice-client');
  // A browser can load all others as they are.
  const notOfNode = files.filter((name) => !/\.md$|LICENSE$|node-fetch|dist\/node/.test(name));
  for (const file of notOfNode) {
    const text = await readFile(join(root, file.replace('package/', '')), 'utf8');
    expect(text).not.toMatch(/from ['"](#|node:|\.\.)/);
  }
  const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
  const packed = await readFile(join(folder, 'node_modules/sluice-client/package.json'), 'utf8');
  expect(JSON.parse(packed)).toMatchObject({ version });
});

test.each(FIRST_BYTES_MAX)(
  'a page with $name loads at most $bytesMax bytes at first',
  async ({ entry, name, bytesMax }) => {
    const { first, all } = await bytesLoadedBy(`export { ${name} } from '${entry}';\n`);
    expect(first).toBeLessThan(bytesMax);
    expect(all).toBeLessThan(ALL_BYTES_MAX);
  },
);

/** Bundles a page as Vite does. Returns the compressed bytes that it loads at first, and all. */
async function bytesLoadedBy(
  program: string,
): Promise<{ readonly first: number; readonly all: number }> {
  await writeFile(join(folder, 'all.js'), program);
  const bundle = await rolldown({ input: join(folder, 'all.js'), cwd: folder });
  const { output } = await bundle.generate({ format: 'esm', minify: true });
  const chunks = output.filter((one) => one.type === 'chunk');
  const bytesOf = (some: typeof chunks): number =>
    some.reduce((sum, { code }) => sum + gzipSync(code, { level: 9 }).length, 0);
  const first = chunks.filter(({ isEntry }) => isEntry);
  for (const { imports } of first) {
    first.push(...chunks.filter((one) => imports.includes(one.fileName) && !first.includes(one)));
  }
  return { first: bytesOf(first), all: bytesOf(chunks) };
}

test.each(['nodenext', 'bundler'])(
  'a strict TypeScript project with nothing else compiles (%s)',
  async (resolution) => {
    await writeFile(join(folder, 'user.ts'), USER_PROGRAM);
    const module = resolution === 'bundler' ? 'esnext' : resolution;
    const options = ['--noEmit', '--strict', '--target', 'es2022', '--module', module];
    const compiler = resolve('node_modules/typescript/bin/tsc');
    const args = [compiler, ...options, '--moduleResolution', resolution, 'user.ts'];
    const { stdout } = await run(process.execPath, args, { cwd: folder }).catch(
      (error: { readonly stdout: string }) => error,
    );
    expect(stdout).toBe('');
  },
);

test('a program of CommonJS requires the package', async () => {
  const program = `
    const { Sluice } = require('sluice-client');
    const { SluiceReader } = require('sluice-client/reader');
    console.log(typeof new Sluice({ url: 'http://localhost' }).producer, SluiceReader.name);`;
  await writeFile(join(folder, 'program.cjs'), program);
  const { stdout } = await run(process.execPath, [join(folder, 'program.cjs')]);
  expect(stdout).toBe('function SluiceReader\n');
});

test("the global fetch is called in place of Node's own HTTP where a page would be", async () => {
  await writeFile(
    join(folder, 'own-http.js'),
    `import { createServer } from 'node:http';
     import { Sluice } from 'sluice-client';
     import { nodeFetch } from 'sluice-client/node';
     const server = createServer((request, response) => response.end('{"topics":[]}')).listen(0);
     const url = 'http://localhost:' + server.address().port;
     const calls = [];
     const platformFetch = globalThis.fetch;
     globalThis.fetch = (...call) => {
       calls.push('global');
       return platformFetch(...call);
     };
     const own = nodeFetch();
     const fetch = (...call) => {
       calls.push('given');
       return own(...call);
     };
     for (const options of [{ url }, { url, fetch }]) {
       const sluice = new Sluice(options);
       await sluice.admin.listTopics();
       await sluice.close();
       calls.push('done');
     }
     console.log(calls.join(' '));
     server.closeAllConnections();
     server.close();`,
  );
  for (const [condition, calls] of [
    ['node', 'done given done'],
    ['browser', 'global done given done'],
  ]) {
    const args = [`--conditions=${condition}`, join(folder, 'own-http.js')];
    const { stdout } = await run(process.execPath, args, { timeout: 60_000 });
    expect(stdout).toBe(`${calls}\n`);
  }
});

test('the parts that only read and only write work as the whole client does', async () => {
  const gateway = await GatewayProcess.start();
  try {
    await writeFile(
      join(folder, 'parts.js'),
      `import { SluiceReader } from 'sluice-client/reader';
       import { SluiceWriter } from 'sluice-client/writer';
       const [, , url] = process.argv;
       const writer = new SluiceWriter({ url });
       await fetch(url + '/v1/topics', { method: 'POST', body: '{"name":"parts"}',
         headers: { 'Content-Type': 'application/json' } });
       await writer.producer().send({ topic: 'parts', value: 'tea' });
       const reader = new SluiceReader({ url });
       for await (const record of reader.subscribe('parts', { from: 'earliest' })) {
         console.log(record.value);
         break;
       }
       for await (const batch of reader.consumer({ group: 'g', topics: ['parts'], autoOffsetReset: 'earliest' })) {
         console.log(batch.records.length);
         break;
       }
       await Promise.all([reader.close(), writer.close()]);`,
    );
    const { stdout } = await run(process.execPath, [join(folder, 'parts.js'), gateway.url], {
      timeout: 120_000,
    });
    expect(stdout).toBe('tea\n1\n');
  } finally {
    await gateway.dispose();
  }
});

test('a program with the package reads from a gateway, and its process ends', async () => {
  const gateway = await GatewayProcess.start();
  try {
    await writeFile(
      join(folder, 'program.js'),
      `import { Sluice } from 'sluice-client';
       const sluice = new Sluice({ url: process.argv[2] });
       await sluice.admin.createTopic({ name: 'orders' });
       await sluice.admin.produce({ topic: 'orders', records: [{ value: { item: 'tea' } }] });
       for await (const record of sluice.subscribe('orders', { from: 'earliest' })) {
         console.log(JSON.stringify(record.value));
         break;
       }
       await sluice.close();`,
    );
    const { stdout } = await run(process.execPath, [join(folder, 'program.js'), gateway.url], {
      timeout: 120_000,
    });
    expect(stdout).toBe('{"item":"tea"}\n');
  } finally {
    await gateway.dispose();
  }
});

describe('in a page', () => {
  let gateway: GatewayProcess;
  let browser: BrowserUnderTest;

  beforeAll(async () => {
    const started = GatewayProcess.start({ SLUICE_CORS_ORIGINS: '*' });
    [gateway, browser] = await Promise.all([started, BrowserUnderTest.launch()]);
    await writeFile(join(folder, 'page.js'), PAGE_PROGRAM);
  });

  afterAll(() => Promise.all([gateway?.dispose(), browser?.close()]));

  test('one script of rolldown with all parts writes and reads over the WebSocket', async () => {
    const bundle = await rolldown({ input: join(folder, 'page.js'), cwd: folder });
    const options = { format: 'iife', minify: true, codeSplitting: false } as const;
    const { output } = await bundle.generate(options);
    const page = await browser.page();
    await page.page.goto(`${gateway.url}/health/live`);
    await page.page.evaluate(output[0].code);
    await expectProgramToWork(page, 'one-script');
  });

  describe('of a site that Vite builds', () => {
    let site: PreviewServer;

    beforeAll(async () => {
      const icon = '<link rel="icon" href="data:,">';
      const html = `<!doctype html>${icon}<script type="module" src="page.js"></script>`;
      await writeFile(join(folder, 'index.html'), html);
      const shared = { root: folder, configFile: false, logLevel: 'error' } as const;
      await build({ ...shared, build: { outDir: 'site', emptyOutDir: true } });
      site = await preview({ ...shared, build: { outDir: 'site' }, preview: { port: 0 } });
    });

    afterAll(() => site?.close());

    test('all parts write and read, and no transports over HTTP are loaded', async () => {
      const page = await browser.page();
      await page.page.goto(site.resolvedUrls?.local[0] ?? '');
      await expectProgramToWork(page, 'vite');
      expect(page.addresses).toContainEqual(expect.stringMatching(/open-queue-worker/));
      expect(page.addresses.filter((address) => address.includes('http-transports'))).toEqual([]);
    });

    test('a module that a cut connection did not let through is loaded again', async () => {
      const page = await browser.page();
      await page.page.goto(site.resolvedUrls?.local[0] ?? '');
      const cut: string[] = [];
      const modules = /open-(pipeline|queue-worker)|call-operation|socket-transports/;
      await page.page.route(modules, async (route) => {
        const address = route.request().url();
        if (cut.includes(address)) return route.continue();
        cut.push(address);
        return route.abort('connectionreset');
      });
      await page.page.waitForFunction('globalThis.program !== undefined');
      const program = `globalThis.program('${gateway.url}', 'cut')`;
      expect(await page.page.evaluate(program)).toEqual(EVERYTHING);
      expect(cut).toHaveLength(4);
      await page.close();
    });
  });

  async function expectProgramToWork(page: WatchedPage, name: string): Promise<void> {
    await page.page.waitForFunction('globalThis.program !== undefined');
    const program = `globalThis.program('${gateway.url}', '${name}')`;
    expect(await page.page.evaluate(program)).toEqual(EVERYTHING);
    expect(page.addresses).toContainEqual(expect.stringMatching(/^ws:/));
    // The page of an endpoint has no icon.
    expect(page.errors.filter((error) => !error.includes('404'))).toEqual([]);
    await page.close();
  }
});

/** The result of a page that used every part of the client. */
const EVERYTHING = {
  offset: 0,
  values: [{ item: 'tea' }],
  batch: [{ item: 'tea' }],
  jobs: 1,
  statuses: ['connected', 'closed'],
};

/** A script of a page that uses every part of the client. */
const PAGE_PROGRAM = `
  import { serdes, Sluice } from 'sluice-client';
  globalThis.program = async (url, topic) => {
    const sluice = new Sluice({ url });
    const statuses = [];
    sluice.on('status', (status) => statuses.push(status));
    await sluice.admin.createTopic({ name: topic, partitions: 1 });
    const producer = sluice.producer({ valueSerializer: serdes.json });
    const { offset } = await producer.send({ topic, key: 'k', value: { item: 'tea' } });
    const values = [];
    for await (const { value } of sluice.subscribe(topic, { from: 'earliest' })) {
      values.push(value);
      break;
    }
    const options = { topics: [topic], autoOffsetReset: 'earliest' };
    const batch = [];
    for await (const { records } of sluice.consumer({ group: topic, ...options })) {
      batch.push(...records.map(({ value }) => value));
      break;
    }
    let jobs = 0;
    for await (const job of sluice.queue({ group: topic + '-queue', ...options })) {
      await job.ack();
      jobs += 1;
      break;
    }
    await sluice.close();
    return { offset, values, batch, jobs, statuses };
  };
`;

/** True for resolutions that know neither `exports` nor ESM. */
function isOfOldResolution(problem: object): boolean {
  const { kind, resolutionKind } = problem as { kind?: string; resolutionKind?: string };
  return resolutionKind === 'node10' || kind === 'CJSResolvesToESM';
}

/** A user's program: what it names, and what its callbacks are given, has types. */
const USER_PROGRAM = `
  import { Reject, Sluice, SluiceError, serdes } from 'sluice-client';
  import { nodeFetch } from 'sluice-client/node';
  import { SluiceReader } from 'sluice-client/reader';
  import { SluiceWriter } from 'sluice-client/writer';

  interface Order { readonly item: string }
  const url = 'http://localhost:8080';
  const sluice = new Sluice({ url });
  const options = { lingerMs: 5, valueSerializer: serdes.json };
  const producer = sluice.producer<string, Order>(options);
  const order = { topic: 'orders', key: 'ada', value: { item: 'tea' } };
  const { partition, offset } = await producer.send(order);
  producer.send(order, (error) => console.log(error?.code, error?.outcome));
  producer.send(order, (error, metadata) => {
    if (error === undefined) console.log(metadata.offset);
  });
  for await (const record of sluice.subscribe<string, Order>('orders', { from: 'earliest' })) {
    console.log(record.value.item.length, partition, offset);
  }
  const member = { group: 'billing', topics: ['orders'], valueDeserializer: serdes.json };
  for await (const batch of sluice.consumer<string, Order>(member)) {
    for (const { value } of batch.records) console.log(value.item.length);
    await batch.commit();
  }
  await sluice.queue<string, Order>(member).run(async (job) => {
    if (job.value.item === '') throw new Reject('no item');
  });
  const { partitions } = await sluice.admin.describeTopic({ topic: 'orders' });
  await sluice.admin.createTopic({ name: 'orders', partitions: partitions.length });
  await sluice.admin.listTopics().catch((error: unknown) => {
    if (error instanceof SluiceError) console.log(error.code, error.status, error.detail);
  });
  await using reader = new SluiceReader({ url, fetch: nodeFetch({ ca: '' }) });
  await new SluiceWriter({ url }).producer().sendAll([order]);
`;
