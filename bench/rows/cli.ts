/** The command line beside `curl` with the same endpoint: produces and consumes a file of lines. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createTopic } from '../harness/http.js';
import { pinned } from '../harness/machine.js';
import { memoryOf, type Server, startGateway, withTempDir } from '../harness/processes.js';
import { median, type Row, type RowResult } from '../harness/row.js';

const COMMAND_LINE = 'dist/apps/cli/main.js';
const LINE = `${'x'.repeat(99)}\n`;
const LINES_PER_WRITE = 10_000;
/** `curl` cannot end with the log, so that it reads the topic that is there at the time. */
const NDJSON = 'application/x-ndjson';

interface Round {
  readonly produced: { readonly ours: number; readonly theirs: number };
  readonly consumed: { readonly ours: number; readonly theirs: number };
  readonly peakRssBytes: number;
}

export const cliRow: Row = {
  id: 'cli',
  title: 'the command line, beside curl with the same endpoint',
  async run(context) {
    const bytes = context.isQuick ? 100_000_000 : 1_000_000_000;
    const rounds: Round[] = [];
    for (let round = 0; round < context.rounds; round += 1) {
      context.progress(`command line: round ${round + 1} of ${context.rounds}`);
      await withTempDir(async (directory) => {
        const file = join(directory, 'lines');
        await writeLines(file, bytes);
        const server = await startGateway({ dataDir: join(directory, 'data') });
        try {
          rounds.push(await measure(server, file));
        } finally {
          await server.stop();
        }
      });
    }
    return [result('produce', rounds, bytes), result('consume', rounds, bytes)];
  },
};

function result(name: 'produce' | 'consume', rounds: readonly Round[], bytes: number): RowResult {
  const of = name === 'produce' ? 'produced' : 'consumed';
  return {
    name: `sluice ${name}, ${bytes / 1_000_000} MB of lines of 100 B`,
    value: median(rounds.map((round) => bytes / 1_000_000 / round[of].ours)),
    unit: 'MB/s',
    baseline: {
      name: 'curl',
      value: median(rounds.map((round) => bytes / 1_000_000 / round[of].theirs)),
    },
    target: 0.8,
    peakRssBytes: median(rounds.map(({ peakRssBytes }) => peakRssBytes)),
  };
}

async function measure(server: Server, file: string): Promise<Round> {
  for (const name of ['ours', 'theirs']) await createTopic(server, name);
  const records = `${server.url}/v1/topics/theirs`;
  const type = ['-H', 'Content-Type: text/plain'];
  const post = ['-sS', '--fail', '-o', '/dev/null', '-T', file, '-X', 'POST', ...type];
  const theirs = await run('curl', [
    ...post,
    `${records}/records:ndjson?lines=value&report=errors`,
  ]);
  const global = [COMMAND_LINE, '--url', server.url];
  const ours = await run(process.execPath, [...global, 'produce', 'ours', file]);
  const accept = ['-sS', '--fail', '-o', '/dev/null', '-H', `Accept: ${NDJSON}`];
  const fetched = await run('curl', [...accept, `${records}/partitions/0/records:ndjson`]);
  const consumed = await run(process.execPath, [...global, 'consume', 'ours', '--until-end']);
  return {
    produced: { ours: ours.seconds, theirs: theirs.seconds },
    consumed: { ours: consumed.seconds, theirs: fetched.seconds },
    peakRssBytes: Math.max(ours.peakRssBytes, consumed.peakRssBytes),
  };
}

/** Runs a program on the load's core to its end, with its output thrown away. */
async function run(
  program: string,
  args: readonly string[],
): Promise<{ readonly seconds: number; readonly peakRssBytes: number }> {
  const startedMs = performance.now();
  const { command, args: all } = pinned('load', args, program);
  const child = spawn(command, all, { stdio: ['ignore', 'ignore', 'inherit'] });
  let peakRssBytes = 0;
  const look = async (): Promise<void> => {
    const memory = await memoryOf(child.pid ?? 0);
    peakRssBytes = Math.max(peakRssBytes, memory?.peak ?? 0);
  };
  const watch = setInterval(() => {
    void look();
  }, 100);
  const [code] = (await once(child, 'close')) as [number | null];
  clearInterval(watch);
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}`);
  return { seconds: (performance.now() - startedMs) / 1000, peakRssBytes };
}

async function writeLines(file: string, bytes: number): Promise<void> {
  const stream = createWriteStream(file);
  const chunk = LINE.repeat(LINES_PER_WRITE);
  for (let written = 0; written < bytes; written += chunk.length) {
    if (!stream.write(chunk)) await once(stream, 'drain');
  }
  stream.end();
  await once(stream, 'close');
  if ((await stat(file)).size < bytes) throw new Error(`${file} is too short`);
}
