import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from '../support/free-port.js';
import { GatewayProcess } from '../support/gateway.js';
import { Cli } from './cli-process.js';

const LINES = 1_000_000;

let gateway: GatewayProcess;
let home: string;
let cli: Cli;
let file: string;
let lines: string;

beforeAll(async () => {
  gateway = await GatewayProcess.start({ SLUICE_PORT: String(await freePort()) });
  home = mkdtempSync(join(tmpdir(), 'sluice-cli-'));
  cli = new Cli(gateway.url, home);
  file = join(home, 'lines.txt');
  lines = Array.from({ length: LINES }, (_, number) => `line ${number} of a long file\n`).join('');
  writeFileSync(file, lines);
});

afterAll(async () => {
  await gateway?.dispose();
  rmSync(home, { recursive: true, force: true });
});

test.each([
  ['SIGINT', 130],
  ['SIGKILL', null],
] as const)(
  'a file that %s interrupts again and again is stored once and in order',
  async (signal, code) => {
    const topic = `resumed-${signal.toLowerCase()}`;
    await cli.print(['topics', 'create', topic]);
    let interruptions = 0;
    for (let before = 0; before < LINES * 0.8; before = await stored(topic)) {
      const resume = interruptions === 0 ? [] : ['--resume'];
      const produce = cli.start(['produce', topic, file, ...resume]);
      // The process has installed its handler once it has sent lines.
      const sent = before;
      await expect.poll(() => stored(topic), { interval: 5 }).toBeGreaterThan(sent);
      produce.child.kill(signal);
      const ended = await produce.end();
      // A fast machine may have sent all of it.
      if (ended.code === 0) break;
      expect(ended.code).toBe(code);
      interruptions += 1;
    }
    expect(interruptions).toBeGreaterThan(0);
    const again = await cli.run(['produce', topic, file]);
    expect(again).toMatchObject({ code: 2, stdout: '' });
    expect(again.stderr).toContain('--resume continues there');
    await cli.print(['produce', topic, file, '--resume']);
    expect((await cli.print(['consume', topic, '--until-end'])) === lines).toBe(true);
  },
);

test('a file goes on by itself after the gateway was killed', async () => {
  const topic = 'through-a-crash';
  await cli.print(['topics', 'create', topic]);
  const produce = cli.start(['produce', topic, file]);
  await expect.poll(() => stored(topic)).toBeGreaterThan(LINES / 8);
  await gateway.kill();
  await gateway.start();
  expect((await produce.end()).code).toBe(0);
  expect((await cli.print(['consume', topic, '--until-end'])) === lines).toBe(true);
});

/** The number of stored records of the only partition. */
async function stored(topic: string): Promise<number> {
  const answer = await fetch(`${gateway.url}/v1/topics/${topic}`);
  const { partitions } = (await answer.json()) as {
    readonly partitions: readonly { readonly highWatermark: number | null }[];
  };
  return partitions[0]?.highWatermark ?? 0;
}
