import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { type CommandRun, callGateway } from '../command-run.js';
import { InterruptedError, UsageError } from '../exit-codes.js';
import { optionsOf } from '../global-options.js';
import { nameValue, textList, wholeNumber } from '../parse-values.js';

type Topic = Awaited<ReturnType<CommandRun['sluice']['admin']['describeTopic']>>;

interface CreateOptions {
  readonly partitions?: number;
  readonly replicationFactor?: number;
  readonly config?: Record<string, string>;
}

interface AlterOptions extends CreateOptions {
  readonly reset?: readonly string[];
}

/** Adds `topics` and its commands. */
export function addTopicCommands(program: Command): void {
  const topics = program.command('topics').description('list, create and change topics');
  addListAndDescribe(topics);
  addCreate(topics);
  addAlter(topics);
  addDelete(topics);
}

function addListAndDescribe(topics: Command): void {
  topics
    .command('list')
    .description('list topics')
    .option('--internal', 'include the internal topics of the cluster')
    .action((_options, command: Command) => {
      const { internal, ...options } = optionsOf<{ readonly internal?: boolean }>(command);
      return callGateway(options, async ({ sluice, output }) => {
        const document = await sluice.admin.listTopics(internal ? { internal } : {});
        output.either(document, () =>
          output.table(
            ['TOPIC', 'PARTITIONS', 'REPLICAS', 'RECORDS', 'BYTES'],
            document.topics.map((topic) => [
              topic.name,
              topic.partitions.length,
              topic.partitions[0]?.replicas.length ?? null,
              sum(topic.partitions.map(recordsOf)),
              sum(topic.partitions.map(({ sizeBytes }) => sizeBytes)),
            ]),
          ),
        );
      });
    });

  topics
    .command('describe <name>')
    .description('show the partitions and configs of a topic')
    .action((name: string, _options, command: Command) =>
      callGateway(optionsOf(command), async ({ sluice, output }) => {
        const topic = await sluice.admin.describeTopic({ topic: name });
        output.either(topic, () => showTopic(output, topic));
      }),
    );
}

function addCreate(topics: Command): void {
  topics
    .command('create <name>')
    .description('create a topic')
    .option('--partitions <number>', 'number of partitions (default: 1)', wholeNumber(1))
    .option('--replication-factor <number>', 'number of replicas', wholeNumber(1))
    .option('--config <name=value>', 'config, such as retention.ms=3600000; repeatable', nameValue)
    .action((name: string, _options, command: Command) => {
      const options = optionsOf<CreateOptions>(command);
      return callGateway(options, async ({ sluice, output }) => {
        const { partitions, replicationFactor, config } = options;
        const topic = await sluice.admin.createTopic({
          name,
          ...(partitions === undefined ? {} : { partitions }),
          ...(replicationFactor === undefined ? {} : { replicationFactor }),
          ...(config === undefined ? {} : { configs: config }),
        });
        output.either(topic, () => output.note(`Topic ${name} is created.`));
      });
    });
}

function addAlter(topics: Command): void {
  topics
    .command('alter <name>')
    .description('add partitions to a topic, or change its configs')
    .option('--partitions <number>', 'new number of partitions, which only grows', wholeNumber(1))
    .option('--config <name=value>', 'config to set; repeatable', nameValue)
    .option('--reset <name>', 'config that gets its default again; repeatable', textList)
    .action((name: string, _options, command: Command) => {
      const options = optionsOf<AlterOptions>(command);
      const { partitions, config = {}, reset = [] } = options;
      const configs: Record<string, string | null> = { ...config };
      for (const each of reset) configs[each] = null;
      const hasConfigs = Object.keys(configs).length > 0;
      if (partitions === undefined && !hasConfigs) {
        throw new UsageError('Give --partitions, --config or --reset.');
      }
      return callGateway(options, async ({ sluice, output }) => {
        const topic = await sluice.admin.alterTopic({
          topic: name,
          ...(partitions === undefined ? {} : { partitions }),
          ...(hasConfigs ? { configs } : {}),
        });
        output.either(topic, () => output.note(`Topic ${name} is changed.`));
      });
    });
}

function addDelete(topics: Command): void {
  topics
    .command('delete <name>')
    .description('delete a topic with its records')
    .option('--yes', 'do it without asking')
    .action(async (name: string, _options, command: Command) => {
      const options = optionsOf<{ readonly yes?: boolean }>(command);
      if (options.yes !== true) await confirm(`Delete topic ${name} with all its records?`);
      await callGateway(options, async ({ sluice, output }) => {
        await sluice.admin.deleteTopic({ topic: name });
        output.note(`Topic ${name} is deleted.`);
      });
    });
}

/**
 * Asks a person, and returns only after a yes.
 * @throws UsageError without a person, InterruptedError after Ctrl-C, Error after another answer
 */
export async function confirm(question: string): Promise<void> {
  if (!process.stdin.isTTY) throw new UsageError(`${question} Give --yes to do it.`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const interrupted = new Promise<never>((_, reject) => {
    terminal.once('SIGINT', () => reject(new InterruptedError('stopped')));
  });
  // Ctrl-D ends the input without an answer.
  const ended = new Promise<string>((resolve) => terminal.once('close', () => resolve('')));
  try {
    const answered = terminal.question(`${question} [y/N] `);
    const answer = await Promise.race([answered, interrupted, ended]);
    if (!/^y(es)?$/i.test(answer.trim())) throw new Error('Nothing was done.');
  } finally {
    terminal.close();
  }
}

function showTopic(output: CommandRun['output'], topic: Topic): void {
  output.line(`${output.style('bold', topic.name)}${topic.internal ? ' (internal)' : ''}`);
  output.line();
  output.table(
    ['PARTITION', 'LEADER', 'EPOCH', 'REPLICAS', 'ISR', 'START', 'HIGH WATERMARK', 'BYTES'],
    topic.partitions.map((each) => [
      each.partition,
      each.leader,
      each.leaderEpoch,
      each.replicas.join(','),
      each.isr.join(','),
      each.logStartOffset,
      each.highWatermark,
      each.sizeBytes,
    ]),
  );
  output.line();
  const { configs, configSources } = topic as {
    readonly configs: Readonly<Record<string, string>>;
    readonly configSources: Readonly<Record<string, string>>;
  };
  output.table(
    ['CONFIG', 'VALUE', 'SOURCE'],
    Object.entries(configs).map(([key, value]) => [key, value, configSources[key]]),
  );
}

function recordsOf(partition: {
  readonly logStartOffset: number | null;
  readonly highWatermark: number | null;
}): number | null {
  const { logStartOffset, highWatermark } = partition;
  return logStartOffset === null || highWatermark === null ? null : highWatermark - logStartOffset;
}

/** Null if one of them is not known. */
function sum(values: readonly (number | null)[]): number | null {
  return values.reduce<number | null>(
    (total, value) => (total === null || value === null ? null : total + value),
    0,
  );
}
