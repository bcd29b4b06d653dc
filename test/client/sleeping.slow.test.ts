import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';
import { until } from '../support/until.js';
import { TRANSPORTS } from './client-under-test.js';

const HOUR_MS = 3_600_000;
/** More than 12 hours: a broker may have forgotten the producer. */
const LONG_SLEEP_MS = 13 * HOUR_MS;

interface Line {
  readonly event: 'sent' | 'read' | 'consumed' | 'committed' | 'lost' | 'ended';
  readonly offset?: number;
  readonly value?: string;
  readonly outcome?: string;
}

/** The process of test/client/sleeping-program.ts. */
class SleepingProgram {
  readonly lines: Line[] = [];
  readonly #child: ChildProcess;

  constructor(url: string, transport: string) {
    const script = 'test/client/sleeping-program.ts';
    const args = ['--import', 'jiti/register', script, url, transport];
    this.#child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    if (this.#child.stdout === null) throw new Error('the program has no output');
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      this.lines.push(JSON.parse(line) as Line);
    });
    onTestFinished(() => void this.#child.kill('SIGKILL'));
  }

  of(event: Line['event']): Line[] {
    return this.lines.filter((line) => line.event === event);
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  tell(text: string): void {
    this.#child.stdin?.write(`${text}\n`);
  }

  /** Waits until ten more records have been written, read and committed. */
  async goesOn(): Promise<void> {
    const before = this.of('sent').length;
    await until('ten more records', () => this.of('sent').length >= before + 10);
    const written = this.of('sent').filter(({ outcome }) => outcome === 'written');
    const last = written.at(-1)?.value;
    for (const event of ['read', 'consumed'] as const) {
      await until(`${last} is ${event}`, () => this.of(event).some(({ value }) => value === last));
    }
  }

  async end(): Promise<void> {
    this.tell('end');
    await until('the end of the producer', () => this.of('ended').length === 1);
    this.signal('SIGKILL');
    await once(this.#child, 'close');
  }
}

describe.each(TRANSPORTS)('a program that sleeps, over %s', (transport) => {
  let gateway: GatewayProcess;
  beforeAll(async () => {
    gateway = await GatewayProcess.start();
    const body = JSON.stringify({ name: 'orders', partitions: 1 });
    const headers = { 'Content-Type': 'application/json' };
    await fetch(`${gateway.url}/v1/topics`, { method: 'POST', headers, body });
  });
  afterAll(() => gateway.dispose());

  test('goes on without a gap or a repetition, also when its clock jumps', async () => {
    const program = new SleepingProgram(gateway.url, transport);
    await program.goesOn();

    program.signal('SIGSTOP');
    const group = `${gateway.url}/v1/groups/group-${transport}`;
    await until('the session is over', async () => {
      const { members } = (await (await fetch(group)).json()) as { members: readonly object[] };
      return members.length === 0;
    });
    program.signal('SIGCONT');
    await program.goesOn();

    program.tell(`jump ${LONG_SLEEP_MS}`);
    await program.goesOn();
    await program.end();
    await check(program, gateway.url);
  });
});

/** Compares what the program was told with the log. */
async function check(program: SleepingProgram, url: string): Promise<void> {
  const fetched = await fetch(`${url}/v1/topics/orders/partitions/0/records?limit=10000`);
  const { records } = (await fetched.json()) as { records: readonly Line[] };
  const values = records.map(({ value }) => value);
  expect(new Set(values).size).toBe(values.length);
  const sent = program.of('sent');
  for (const { value, outcome } of sent) {
    if (outcome === 'written') expect(values).toContain(value);
    // The outcome of a record that was in flight when the clock jumped may be unknown.
    else expect(outcome).toBe('unknown');
  }
  expect(sent.filter(({ outcome }) => outcome !== 'written').length).toBeLessThanOrEqual(1);
  const read = program.of('read').map(({ offset }) => offset);
  expect(read).toEqual(Array.from(read, (_, offset) => offset));
  // Nothing that was committed came again.
  let committed = 0;
  for (const { event, offset = 0 } of program.lines) {
    if (event === 'committed') committed = offset;
    if (event === 'consumed') expect(offset).toBeGreaterThanOrEqual(committed);
  }
}
