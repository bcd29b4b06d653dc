import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type Command, Option } from 'commander';
import { type Job, serdes } from '#client';
import { type CommandRun, tellConnection, withGateway } from '../command-run.js';
import { optionsOf } from '../global-options.js';
import { wholeNumber } from '../parse-values.js';

interface QueueOptions {
  readonly group: string;
  readonly exec: string;
  readonly concurrency: number;
  readonly from: 'earliest' | 'latest';
  readonly nackDelayMs?: number;
}

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
        'SLUICE_DELIVERY_COUNT.',
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
  // After Ctrl-C the commands that run are awaited, and their records are settled.
  await queue.run((job) => execute(run, job, options), { concurrency, signal: run.signal });
}

/** Runs the command for a record. @throws Error if it fails: then the record is delivered again */
async function execute(run: CommandRun, job: BytesJob, options: QueueOptions): Promise<void> {
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
  if (code === 0) return;
  const place = `${topic}-${partition}@${offset}`;
  run.output.note(`${place}: the command ended with ${code ?? signal}, delivery ${deliveryCount}`);
  if (options.nackDelayMs !== undefined) await job.nack({ delayMs: options.nackDelayMs });
  else throw new Error('the command failed');
}
