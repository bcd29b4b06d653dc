import type { Command } from 'commander';
import type { Admin } from '#client';
import { type CommandRun, withGateway } from '../command-run.js';
import { type ReadOptions, type RecordTaker, readTopic } from '../consume/read-topic.js';
import type { StreamedRecord } from '../consume/streamed-record.js';
import { textOf } from '../consume/template.js';
import { UsageError } from '../exit-codes.js';
import { optionsOf } from '../global-options.js';
import type { Cell } from '../output.js';
import { wholeNumber } from '../parse-values.js';

interface DeadLetterOptions {
  readonly redrive?: boolean;
  /** Dead letters that were put back before are shown, too. */
  readonly all?: boolean;
  readonly topic?: string;
  readonly limit?: number;
}

/** The dead letters of a partition of the dead-letter topic that were not put back. */
type Waiting = Awaited<ReturnType<Admin['waitingDeadLetters']>>['partitions'][number];

/** Prefix of the headers of a dead letter (KIP-1191). */
const HEADER_PREFIX = '__dlq.errors.';

/** Adds `groups dead-letters`. */
export function addDeadLetterCommand(groups: Command): void {
  groups
    .command('dead-letters <group>')
    .description('show the dead letters of a queue, or put them back into their topics')
    .option('--all', 'show those that were put back before, too')
    .option('--redrive', 'put the dead letters back at the end of their topics')
    .option('--topic <name>', 'only dead letters of this topic')
    .option('--limit <number>', 'most dead letters to show or to put back', wholeNumber(1))
    .action((group: string, _options, command: Command) => {
      const options = optionsOf<DeadLetterOptions>(command);
      if (options.all === true && options.redrive === true)
        throw new UsageError('--all is for showing dead letters: leave it out with --redrive.');
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

/** Shows copies in the dead-letter topic: those that were not put back, or all of them. */
async function showDeadLetters(
  run: CommandRun,
  group: string,
  { all = false, topic, limit }: DeadLetterOptions,
): Promise<void> {
  const { output } = run;
  const { partitions } = await run.sluice.admin.waitingDeadLetters({ group });
  const rows: Cell[][] = [];
  let count = 0;
  const show = (record: StreamedRecord): void => {
    const errors = errorHeaders(record);
    const isWaiting = waits(record, partitions);
    const isWanted = (all || isWaiting) && (topic === undefined || errors.get('topic') === topic);
    if (errors.get('group') !== group || !isWanted || count === limit) return;
    count += 1;
    if (output.isJson) output.line(record.text);
    else {
      const origin = ['topic', 'partition', 'offset', 'delivery.count', 'message'];
      const copy = `${record.topic}-${record.partition}@${record.offset}`;
      const state = all ? [isWaiting ? 'waiting' : 'put back'] : [];
      rows.push([...origin.map((name) => errors.get(name)), copy, ...state]);
    }
  };
  const records: RecordTaker['records'] = (some) => {
    for (const record of some) show(record);
    return Promise.resolve(count !== limit);
  };
  const source = sourceOf(partitions);
  if (source !== undefined) await readTopic(run, source, { records });
  run.signal.throwIfAborted();
  if (output.isJson) return;
  const names = ['TOPIC', 'PARTITION', 'OFFSET', 'DELIVERIES', 'REASON', 'DEAD LETTER'];
  output.table(all ? [...names, 'STATE'] : names, rows);
}

/** True for a dead letter that was not put back. */
function waits({ partition, offset }: StreamedRecord, partitions: readonly Waiting[]): boolean {
  const found = partitions.find((each) => each.partition === partition);
  if (found === undefined || offset >= found.position) return true;
  return found.waiting.some((range) => offset >= range.firstOffset && offset <= range.lastOffset);
}

/** The dead-letter topic as a whole; undefined if there is none yet. */
function sourceOf(partitions: readonly Waiting[]): ReadOptions | undefined {
  const [first] = partitions;
  return (
    first && {
      topic: first.topic,
      partitions: partitions.map(({ partition }) => partition),
      from: { kind: 'earliest' },
      withAdded: false,
      untilEnd: true,
      format: 'auto',
    }
  );
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
