import type { Command } from 'commander';
import { SluiceError } from '#client';
import { type CommandRun, withGateway } from '../command-run.js';
import { type ReadOptions, type RecordTaker, readTopic } from '../consume/read-topic.js';
import type { StreamedRecord } from '../consume/streamed-record.js';
import { textOf } from '../consume/template.js';
import { optionsOf } from '../global-options.js';
import type { Cell } from '../output.js';
import { wholeNumber } from '../parse-values.js';

interface DeadLetterOptions {
  readonly redrive?: boolean;
  readonly topic?: string;
  readonly limit?: number;
}

/** Group config that names the dead-letter topic; an empty value means that there is none. */
const TOPIC_CONFIG = 'errors.deadletterqueue.topic.name';

/** Prefix of the headers of a dead letter (KIP-1191). */
const HEADER_PREFIX = '__dlq.errors.';

/** Adds `groups dead-letters`. */
export function addDeadLetterCommand(groups: Command): void {
  groups
    .command('dead-letters <group>')
    .description('show all dead letters of a queue, or put them back into their topics')
    .option('--redrive', 'put the dead letters back at the end of their topics')
    .option('--topic <name>', 'only dead letters of this topic')
    .option('--limit <number>', 'most dead letters to show or to put back', wholeNumber(1))
    .action((group: string, _options, command: Command) => {
      const options = optionsOf<DeadLetterOptions>(command);
      return withGateway(options, (run) =>
        options.redrive === true
          ? redriveDeadLetters(run, group, options)
          : showDeadLetters(run, group, options),
      );
    });
}

async function redriveDeadLetters(
  { sluice, output }: CommandRun,
  group: string,
  { topic, limit }: DeadLetterOptions,
): Promise<void> {
  const answer = await sluice.admin.redriveDeadLetters({
    group,
    ...(topic === undefined ? {} : { topic }),
    ...(limit === undefined ? {} : { limit }),
  });
  output.either(answer, () =>
    output.note(
      `Records put back into their topics: ${answer.redriven}; ` +
        `dead letters that could not be put back: ${answer.skipped}.`,
    ),
  );
}

/** Shows all copies in the dead-letter topic, including those that were put back before. */
async function showDeadLetters(
  run: CommandRun,
  group: string,
  { topic, limit }: DeadLetterOptions,
): Promise<void> {
  const { output } = run;
  const source = await deadLetterTopic(run, group);
  const rows: Cell[][] = [];
  let count = 0;
  const show = (record: StreamedRecord): void => {
    const errors = errorHeaders(record);
    const isWanted = topic === undefined || errors.get('topic') === topic;
    if (errors.get('group') !== group || !isWanted || count === limit) return;
    count += 1;
    if (output.isJson) output.line(record.text);
    else {
      const origin = ['topic', 'partition', 'offset', 'delivery.count', 'message'];
      const copy = `${record.topic}-${record.partition}@${record.offset}`;
      rows.push([...origin.map((name) => errors.get(name)), copy]);
    }
  };
  const records: RecordTaker['records'] = (some) => {
    for (const record of some) show(record);
    return Promise.resolve(count !== limit);
  };
  if (source !== undefined) await readTopic(run, source, { records });
  run.signal.throwIfAborted();
  if (output.isJson) return;
  output.table(['TOPIC', 'PARTITION', 'OFFSET', 'DELIVERIES', 'REASON', 'DEAD LETTER'], rows);
}

/** The dead-letter topic of a group as a whole; undefined if there is none yet. */
async function deadLetterTopic(
  { sluice }: CommandRun,
  group: string,
): Promise<ReadOptions | undefined> {
  // An unknown group is refused here; the configs of a group may be read before it exists.
  await sluice.admin.describeGroup({ group });
  const { configs } = await sluice.admin.groupConfigs({ group });
  const topic = configs[TOPIC_CONFIG];
  if (topic === undefined || topic === '') return undefined;
  try {
    const { partitions } = await sluice.admin.describeTopic({ topic });
    return {
      topic,
      partitions: partitions.map(({ partition }) => partition),
      from: { kind: 'earliest' },
      withAdded: false,
      untilEnd: true,
      format: 'auto',
    };
  } catch (error) {
    const isMissing = error instanceof SluiceError && error.code === 'UNKNOWN_TOPIC_OR_PARTITION';
    if (isMissing) return undefined;
    throw error;
  }
}

/** The headers that say where a dead letter comes from and why, without their prefix. */
function errorHeaders({ headers }: StreamedRecord): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const { key, value } of headers) {
    if (!key.startsWith(HEADER_PREFIX)) continue;
    found.set(key.slice(HEADER_PREFIX.length), textOf(value));
  }
  return found;
}
