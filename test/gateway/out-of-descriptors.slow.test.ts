import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { until } from '../support/until.js';

/**
 * A running gateway without a free descriptor: `prlimit` lowers the limit of the process below its
 * open descriptors, so that every call that opens a file fails with EMFILE.
 */
const MAIN = 'dist/apps/gateway/main.js';
const LIMIT = 512;
/**
 * This is below the number of any descriptor that a running gateway can free, including its spare
 * ones.
 */
const NONE_FREE = 16;
const PARTITIONS = 8;

const cleanUps: (() => Promise<void> | void)[] = [];
afterAll(async () => {
  for (const cleanUp of cleanUps.toReversed()) await cleanUp();
});

const hasPrlimit = spawnSync('prlimit', ['--version']).error === undefined;

describe.skipIf(!hasPrlimit)('a gateway without a free descriptor (needs prlimit)', () => {
  test('it refuses requests that need a new file, and continues afterwards', async () => {
    const gateway = await startGateway();
    const configs = { 'segment.bytes': 1024 };
    await gateway.post('/v1/topics', { name: 'rolls', partitions: PARTITIONS, configs }, 201);
    expect(await gateway.produce()).toBe(200);
    let taken = 1;
    for (let round = 0; round < 3; round += 1) {
      gateway.limit(NONE_FREE);
      // Each segment holds one record of this size, so that every partition has to roll.
      const refused = await gateway.send('POST', '/v1/topics/rolls/records', records());
      expect(refused.status, refused.text).not.toBe(200);
      expect(refused.text).toContain('no file descriptor free (ulimit -n)');
      const created = await gateway.send('POST', '/v1/topics', { name: `late-${round}` });
      expect(created.status, created.text).toBeGreaterThanOrEqual(500);
      gateway.limit(LIMIT);
      await until('records are taken again', async () => (await gateway.produce()) === 200);
      taken += 1;
      await gateway.post('/v1/topics', { name: `later-${round}` }, 201);
    }
    await gateway.expectWhole();
    const counts = await gateway.recordCounts();
    for (const count of counts) expect(count).toBeGreaterThanOrEqual(taken);
    await gateway.restart();
    expect(await gateway.recordCounts()).toEqual(counts);
    await gateway.expectWhole();
  });

  test('it has at most one descriptor open per partition', async () => {
    const gateway = await startGateway();
    const before = gateway.openDescriptors();
    await gateway.post('/v1/topics', { name: 'many', partitions: 64 }, 201);
    for (let round = 0; round < 5; round += 1) {
      const body = {
        records: Array.from({ length: 64 }, (_, partition) => ({ value: round, partition })),
      };
      await gateway.post('/v1/topics/many/records', body, 200);
    }
    expect(gateway.openDescriptors() - before).toBeLessThanOrEqual(64 + 4);
  });
});

function records(): unknown {
  const value = 'x'.repeat(900);
  return { records: Array.from({ length: PARTITIONS }, (_, partition) => ({ value, partition })) };
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

async function startGateway(): Promise<GatewayOfLimits> {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-no-descriptors-'));
  cleanUps.push(() => rm(directory, { recursive: true, force: true }));
  const gateway = new GatewayOfLimits(directory);
  cleanUps.push(() => gateway.kill());
  await gateway.start();
  return gateway;
}

/** A gateway whose limit of descriptors changes while it runs. */
class GatewayOfLimits {
  #child: ReturnType<typeof spawn> | undefined;
  #url = '';
  /** A single connection, opened while there is a descriptor for it. */
  #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async start(): Promise<void> {
    const child = spawn('sh', ['-c', `ulimit -n ${LIMIT}; exec node ${MAIN}`], {
      env: { ...process.env, SLUICE_PORT: '0', SLUICE_DATA_DIR: this.#directory },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    this.#child = child;
    let output = '';
    child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await until('the gateway listens', () => /127\.0\.0\.1:\d+/.test(output));
    this.#url = `http://${/127\.0\.0\.1:\d+/.exec(output)?.[0]}`;
    await this.send('GET', '/health/ready');
  }

  /** Stops the gateway cleanly and starts it on the same data. */
  async restart(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#agent.destroy();
    this.#agent = new Agent({ keepAlive: true, maxSockets: 1 });
    child.kill('SIGTERM');
    await once(child, 'exit');
    await this.start();
  }

  kill(): void {
    this.#child?.kill('SIGKILL');
  }

  /** Sets only the soft limit, so that the process can raise it again. */
  limit(descriptors: number): void {
    const args = ['--pid', String(this.#child?.pid), `--nofile=${descriptors}:`];
    const { status, stderr } = spawnSync('prlimit', args, { encoding: 'utf8' });
    expect(status, stderr).toBe(0);
  }

  openDescriptors(): number {
    return readdirSync(`/proc/${this.#child?.pid}/fd`).length;
  }

  async produce(): Promise<number> {
    return (await this.send('POST', '/v1/topics/rolls/records', records())).status;
  }

  async post(path: string, body: unknown, status: number): Promise<void> {
    const answer = await this.send('POST', path, body);
    expect(answer.status, answer.text).toBe(status);
  }

  async recordCounts(): Promise<number[]> {
    const counts: number[] = [];
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const path = `/v1/topics/rolls/partitions/${partition}/records?offset=earliest`;
      const headers = { Accept: 'application/x-ndjson' };
      const { status, text } = await this.send('GET', path, undefined, headers);
      expect(status, text).toBe(200);
      // The last line is the summary.
      counts.push(text.trim().split('\n').length - 1);
    }
    return counts;
  }

  async expectWhole(): Promise<void> {
    const { text } = await this.send('GET', '/health/ready');
    const { storage } = (JSON.parse(text) as { checks: { storage: unknown } }).checks;
    expect(storage).toMatchObject({ offline: [], readOnly: [], lost: [], damaged: [] });
  }

  send(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = { 'Content-Type': 'application/json' },
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const sent = request(`${this.#url}${path}`, { method, headers, agent: this.#agent });
      sent.on('error', reject);
      sent.on('response', (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      });
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
}
