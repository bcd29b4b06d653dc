import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type Command, Option } from 'commander';
import { type Job, serdes } from '#client';
import { type CommandRun, noteMissingTopic, tellConnection, withGateway } from '../command-run.js';
import { UsageError } from '../exit-codes.js';
import { optionsOf } from '../global-options.js';
import { wholeNumber } from '../parse-values.js';

interface QueueOptions {
  readonly group: string;
  readonly exec: string;
  readonly concurrency: number;
  readonly from: 'earliest' | 'latest';
  readonly nackDelayMs?: number;
}

/** Exit codes of a shell that cannot execute the command, or does not find it. */
const CANNOT_RUN: ReadonlySet<number | string> = new Set([126, 127]);

type BytesJob = Job<Uint8Array | null, Uint8Array | null>;

/** Adds `queue`. */
export function addQueueCommand(program: Command): void {
  program
    .command('queue <topic>')
    .description('run a command for each record of a queue, until Ctrl-C')
    .requiredOption('--group <group>', 'queue group; its workers share the records')
    .requiredOption('--exec <command>', 'shell command; it gets the value on stdin')
    .option('--concurrency <number>', 'commands at a time', wholeNumber(1), 1)
    .addOption(
      new Option('--from <position>', 'where a new group begins')
        .choices(['earliest', 'latest'])
        .default('earliest'),
    )
    .option('--nack-delay-ms <ms>', 'time before a failed record is delivered again', wholeNumber())
    .addHelpText(
      'after',
      [
        '',
        'Exit code 0 of the command acknowledges the record; any other one gives it back, and',
        'after the delivery limit of the group it becomes a dead letter. The command has the',
        'variables SLUICE_TOPIC, SLUICE_PARTITION, SLUICE_OFFSET, SLUICE_KEY and',
        'SLUICE_DELIVERY_COUNT. Exit codes 126 and 127, with which a shell says that it cannot',
        'run the command, end the worker.',
      ].join('\n'),
    )
    .action((topic: string, _options, command: Command) => {
      const options = optionsOf<QueueOptions>(command);
      return withGateway(options, (run) => work(run, topic, options));
    });
}

async function work(run: CommandRun, topic: string, options: QueueOptions): Promise<void> {
  const { group, concurrency, from } = options;
  const queue = run.sluice.queue({
    group,
    topics: [topic],
    prefetch: concurrency,
    autoOffsetReset: from,
    keyDeserializer: serdes.bytes,
    valueDeserializer: serdes.bytes,
  });
  tellConnection(run);
  void noteMissingTopic(run, topic);
  const unusable = new AbortController();
  const execute = async (job: BytesJob): Promise<void> => {
    const code = await execution(run, job, options);
    if (CANNOT_RUN.has(code))
      unusable.abort(new UsageError(`The shell cannot run the command (exit code ${code}).`));
    if (code !== 0) await giveBack(job, options);
  };
  // After Ctrl-C the commands that run are awaited, and their records are settled.
  const signal = AbortSignal.any([run.signal, unusable.signal]);
  await queue.run(execute, { concurrency, signal });
}

/** Runs the command for a record. @returns its exit code, or the signal that ended it */
async function execution(
  run: CommandRun,
  job: BytesJob,
  options: QueueOptions,
): Promise<number | string> {
  const { topic, partition, offset, deliveryCount } = job;
  const child = spawn(options.exec, {
    shell: true,
    stdio: ['pipe', 'inherit', 'inherit'],
    env: {
      ...process.env,
      SLUICE_TOPIC: topic,
      SLUICE_PARTITION: String(partition),
      SLUICE_OFFSET: String(offset),
      SLUICE_KEY: job.key === null ? '' : Buffer.from(job.key).toString('utf8'),
      SLUICE_DELIVERY_COUNT: String(deliveryCount),
    },
  });
  // A command that does not read its input is not a fault.
  child.stdin.on('error', () => undefined);
  child.stdin.end(job.value ?? Buffer.alloc(0));
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  const end = code ?? signal ?? '';
  if (end === 0) return end;
  const place = `${topic}-${partition}@${offset}`;
  run.output.note(`${place}: the command ended with ${end}, delivery ${deliveryCount}`);
  return end;
}

/** Gives the record of a failed command back. @throws Error so that the worker does it */
async function giveBack(job: BytesJob, { nackDelayMs }: QueueOptions): Promise<void> {
  if (nackDelayMs === undefined) throw new Error('the command failed');
  await job.nack({ delayMs: nackDelayMs });
}
