import { type Command, InvalidArgumentError } from 'commander';
import { type Batch, serdes } from '#client';
import { type CommandRun, noteMissingTopic, tellConnection, withGateway } from '../command-run.js';
import { type RecordTaker, readTopic } from '../consume/read-topic.js';
import { recordOfText, withRecordTexts } from '../consume/record-texts.js';
import {
  PrintedBytes,
  type PrintedRecord,
  type RecordFormat,
  rawFormat,
  templateFormat,
  textOf,
  valueFormat,
} from '../consume/template.js';
import { UsageError } from '../exit-codes.js';
import { optionsOf } from '../global-options.js';
import { type PositionText, partitionList, position, wholeNumber } from '../parse-values.js';
import { untilAborted } from '../until-aborted.js';

interface ConsumeOptions {
  readonly from?: PositionText;
  readonly to?: PositionText;
  readonly partition?: readonly number[];
  readonly group?: string;
  readonly limit?: number;
  readonly untilEnd?: boolean;
  /** Undefined: JSON documents. */
  readonly format: RecordFormat | undefined;
  readonly grep?: RegExp;
}

/** Adds `consume`. */
export function addConsumeCommand(program: Command): void {
  program
    .command('consume <topic>')
    .description('print the records of a topic until Ctrl-C')
    .option(
      '--from <position>',
      'earliest, latest, an offset, or a time (default: latest; with --until-end: earliest)',
      position,
    )
    .option('--to <position>', 'first offset, or time, that is not printed', position)
    .option('--partition <number>', 'partition (default: all); repeatable', partitionList)
    .option('--group <group>', 'read as a member of a group; --from is then its reset policy')
    .option('--limit <number>', 'end after this many records', wholeNumber(1))
    .option('--until-end', 'end after the records that exist at the start')
    .option(
      '--format <format>',
      'value, raw, json, or a template: %t topic, %p partition, %o offset, %k key, %v value, %h headers, %T time',
      'value',
    )
    .option('--grep <pattern>', 'only records whose value matches a regular expression', pattern)
    .action((topic: string, _options, command: Command) => {
      const options = optionsOf<Omit<ConsumeOptions, 'format'> & { readonly format: string }>(
        command,
      );
      const format = options.json === true ? undefined : formatOf(options.format);
      const consume = { ...options, format };
      const { group } = options;
      if (group === undefined)
        return withGateway(options, (run) => consumeTopic(run, topic, consume));
      const change = format === undefined ? withRecordTexts : undefined;
      return withGateway(options, (run) => consumeAsMember(run, topic, group, consume), change);
    });
}

/** Reads without a group, from anywhere. */
async function consumeTopic(
  run: CommandRun,
  topic: string,
  options: ConsumeOptions,
): Promise<void> {
  const { from = { kind: 'latest' }, to, partition, untilEnd, format } = options;
  if (from.kind === 'offset' && partition?.length !== 1) {
    throw new UsageError('An offset belongs to one partition: name it with --partition.');
  }
  const { partitions } = await run.sluice.admin.describeTopic({ topic });
  tellConnection(run);
  const printer = new RecordPrinter(run, options);
  await readTopic(
    run,
    {
      topic,
      partitions: partition ?? partitions.map((each) => each.partition),
      withAdded: partition === undefined && to === undefined && untilEnd !== true,
      from: untilEnd === true && options.from === undefined ? { kind: 'earliest' } : from,
      to,
      untilEnd: untilEnd === true,
      format: format === undefined ? 'auto' : 'string',
    },
    { records: (records) => printer.print(records), values: printer.values },
  );
  run.signal.throwIfAborted();
}

/** Reads as a member of a group, commits the printed records, and leaves the group at the end. */
async function consumeAsMember(
  run: CommandRun,
  topic: string,
  group: string,
  options: ConsumeOptions,
): Promise<void> {
  const { from = { kind: 'latest' }, to, partition, untilEnd, format } = options;
  if (from.kind !== 'earliest' && from.kind !== 'latest') {
    throw new UsageError(
      'With --group, --from is earliest or latest: the group has its own offsets.',
    );
  }
  if (partition !== undefined || to !== undefined || untilEnd === true) {
    throw new UsageError('With --group leave out --partition, --to and --until-end.');
  }
  const printer = new RecordPrinter(run, options);
  const member = { group, topics: [topic], autoOffsetReset: from.kind, autoCommit: false } as const;
  const consumer =
    format === undefined
      ? run.sluice.consumer(member)
      : run.sluice.consumer({
          ...member,
          keyDeserializer: serdes.bytes,
          valueDeserializer: serdes.bytes,
        });
  tellConnection(run);
  void noteMissingTopic(run, topic);
  for await (const batch of untilAborted<Batch>(consumer, run.signal)) {
    // Without a pattern every record that is taken is printed; what is taken is committed.
    const taken = batch.records.slice(0, options.grep === undefined ? printer.left : undefined);
    const records = format === undefined ? taken.map(({ value }) => recordOfText(value)) : taken;
    const goesOn = await printer.print(records as readonly PrintedRecord[]);
    const last = taken.at(-1);
    if (last !== undefined) {
      const { topic: name, partition: number } = batch;
      await consumer.commit([{ topic: name, partition: number, offset: last.offset + 1 }]);
    }
    if (!goesOn) break;
  }
  // A batch that was printed is committed before the member leaves its group.
  await consumer.close();
  run.signal.throwIfAborted();
}

/** Prints records in the requested form, up to the limit. */
class RecordPrinter {
  readonly #run: CommandRun;
  readonly #options: ConsumeOptions;
  #printed = 0;

  constructor(run: CommandRun, options: ConsumeOptions) {
    this.#run = run;
    this.#options = options;
  }

  /** Prints records; returns false if no more are wanted. */
  async print(records: readonly PrintedRecord[]): Promise<boolean> {
    const { format, grep, limit = Number.POSITIVE_INFINITY } = this.#options;
    const printed = new PrintedBytes();
    for (const record of records) {
      if (this.#printed >= limit) break;
      if (grep !== undefined && !grep.test(textOf(record.value))) continue;
      if (format === undefined) printed.add(`${record.text ?? ''}\n`);
      else format(record, printed);
      this.#printed += 1;
    }
    const bytes = printed.bytes();
    if (bytes.length > 0) await this.#run.output.write(bytes);
    return this.#printed < limit;
  }

  /** Prints the values without reading the records; undefined if the records are needed. */
  get values(): RecordTaker['values'] {
    const { format, grep, limit, to } = this.#options;
    if (grep !== undefined || limit !== undefined || to?.kind === 'timestamp') return undefined;
    if (format !== valueFormat && format !== rawFormat) return undefined;
    const take = async (values: Buffer): Promise<boolean> => {
      await this.#run.output.write(values);
      return true;
    };
    return { separator: format === valueFormat ? '\n' : '', take };
  }

  /** Number of records that may still be printed. */
  get left(): number {
    return (this.#options.limit ?? Number.POSITIVE_INFINITY) - this.#printed;
  }
}

function formatOf(name: string): RecordFormat | undefined {
  if (name === 'json') return undefined;
  if (name === 'value') return valueFormat;
  if (name === 'raw') return rawFormat;
  if (!name.includes('%')) {
    throw new UsageError('--format must be value, raw, json, or a template such as "%k %v".');
  }
  try {
    return templateFormat(name);
  } catch (error) {
    throw new UsageError(`--format: ${(error as Error).message}`, { cause: error });
  }
}

function pattern(text: string): RegExp {
  try {
    return new RegExp(text, 'u');
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}
