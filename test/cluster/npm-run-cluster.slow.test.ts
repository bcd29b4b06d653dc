import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { until } from '../support/until.js';

const TIMEOUT = { timeout: 600_000 };

interface ShownBroker {
  readonly id: string;
  readonly state: string;
  readonly pid: number;
  readonly url: string;
}

/** `npm run cluster` without a terminal: it prints a page whenever something has changed. */
class ShownCluster {
  output = '';

  private constructor(readonly process: ChildProcess) {
    for (const stream of [process.stdout, process.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.output += chunk.toString();
      });
    }
  }

  static start(environment: Readonly<Record<string, string>> = {}): ShownCluster {
    const child = spawn(process.execPath, ['--import', 'jiti/register', 'scripts/cluster.ts'], {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    onTestFinished(() => void child.kill('SIGTERM'));
    return new ShownCluster(child);
  }

  /** The page that was printed last. */
  get page(): string {
    return this.output.slice(this.output.lastIndexOf('Sluice cluster'));
  }

  get brokers(): readonly ShownBroker[] {
    const rows = this.page.matchAll(/^(\d)\s+(serving|not serving|dead)\s+(\d+|-)\s+(\S+)/gm);
    return [...rows].map(([, id = '', state = '', pid, url = '']) => {
      return { id, state, pid: Number(pid), url };
    });
  }

  async untilStates(states: string): Promise<readonly ShownBroker[]> {
    return until(`brokers to be ${states}`, () => {
      const { brokers } = this;
      return brokers.map(({ state }) => state).join() === states ? brokers : undefined;
    });
  }
}

test('shows brokers, what they lead and who died, and leaves nothing behind', TIMEOUT, async () => {
  const shown = ShownCluster.start({ SLUICE_LEASE_MS: '2000' });
  const [first] = await shown.untilStates('serving,serving,serving');
  const url = first?.url ?? '';
  const { status } = await fetch(`${url}/v1/topics`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: '{"name": "orders"}',
  });
  expect(status).toBe(201);
  const [, leader] = await until('the partition', () => {
    return /^orders-0\s+(\d)\s+\d+\s+[\d,]+\s+\d,\d,\d\s/m.exec(shown.page) ?? undefined;
  });

  const victim = shown.brokers.find(({ id }) => id === leader);
  process.kill(victim?.pid ?? 0, 'SIGKILL');
  await until('its death, and another leader', () => {
    const row = /^orders-0\s+(\d)\s+\d+\s+[\d,]+\s+\d,\d \(of 3\)/m.exec(shown.page);
    return shown.page.includes('SIGKILL') && row !== null && row[1] !== leader;
  });
  shown.process.kill('SIGUSR2');
  const brokers = await shown.untilStates('serving,serving,serving');

  const directory = /data and logs: (\S+)/.exec(shown.page)?.[1] ?? '';
  expect(existsSync(directory)).toBe(true);
  shown.process.kill('SIGINT');
  expect(await once(shown.process, 'exit')).toEqual([0, null]);
  expect(existsSync(directory)).toBe(false);
  for (const { pid } of brokers) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
});

test('says what it needs where there is no redis-server', TIMEOUT, async () => {
  const shown = ShownCluster.start({ PATH: '/nowhere' });
  const [code] = await once(shown.process, 'close');
  expect(code).toBe(69);
  expect(shown.output).toMatch(/^npm run cluster needs redis-server on the PATH/);
});
