import { createReadStream } from 'node:fs';
import { type Command, InvalidArgumentError } from 'commander';
import { type CommandRun, callGateway } from '../command-run.js';
import { UsageError } from '../exit-codes.js';
import { optionsOf } from '../global-options.js';
import type { Cell } from '../output.js';
import { isoTime, partitionList } from '../parse-values.js';
import { addDeadLetterCommand } from './dead-letters.js';
import { confirm } from './topics.js';

type Admin = CommandRun['sluice']['admin'];
type Group = Awaited<ReturnType<Admin['describeGroup']>>;
type ResetTo = Exclude<Parameters<Admin['resetOffsets']>[0], { readonly body: string }>['to'];

/** Members of a partition that only groups in queue mode have. */
const QUEUE_MEMBERS: ReadonlySet<string> = new Set(['available', 'acquired', 'delayed']);

interface ResetOptions {
  readonly topic: string;
  readonly partition?: readonly number[];
  readonly to: ResetTo;
  readonly dryRun?: boolean;
}

/** Adds `groups` and `offsets` and their commands. */
export function addGroupCommands(program: Command): void {
  const groups = program
    .command('groups')
    .description('show and change consumer groups and queues');
  addListAndDescribe(groups);
  addDeadLetterCommand(groups);

  groups
    .command('reset <group>')
    .description('move the committed offsets of a group without members')
    .requiredOption('--topic <name>', 'topic whose offsets move')
    .option('--partition <number>', 'partition (default: all); repeatable', partitionList)
    .requiredOption(
      '--to <position>',
      'earliest, latest, an offset, a time such as 2026-05-01T12:00:00Z, or a shift such as +100 or -100',
      resetTarget,
    )
    .option('--dry-run', 'show what would change')
    .action((group: string, _options, command: Command) => {
      const options = optionsOf<ResetOptions>(command);
      const { topic, partition, to, dryRun } = options;
      return callGateway(options, async ({ sluice, output }) => {
        const moves = await sluice.admin.resetOffsets({
          group,
          topic,
          to,
          dryRun: dryRun === true,
          ...(partition === undefined ? {} : { partitions: [...partition] }),
        });
        output.either(moves, () => {
          output.table(
            ['TOPIC', 'PARTITION', 'FROM', 'TO'],
            moves.offsets.map((move) => [move.topic, move.partition, move.from, move.to]),
          );
          if (dryRun === true) output.note('Nothing was changed (--dry-run).');
        });
      });
    });

  groups
    .command('delete <group>')
    .description('delete a group without members, with its offsets')
    .option('--yes', 'do it without asking')
    .action(async (group: string, _options, command: Command) => {
      const options = optionsOf<{ readonly yes?: boolean }>(command);
      if (options.yes !== true) await confirm(`Delete group ${group} with its offsets?`);
      await callGateway(options, async ({ sluice, output }) => {
        await sluice.admin.deleteGroup({ group });
        output.note(`Group ${group} is deleted.`);
      });
    });

  addOffsetsCommands(program);
}

function addListAndDescribe(groups: Command): void {
  groups
    .command('list')
    .description('list groups')
    .action((_options, command: Command) =>
      callGateway(optionsOf(command), async ({ sluice, output }) => {
        const found = await allGroups(sluice.admin);
        output.either({ groups: found, nextAfter: null }, () =>
          output.table(
            ['GROUP', 'MODE', 'STATE', 'MEMBERS'],
            found.map((each) => [each.group, each.mode, each.state, each.members]),
          ),
        );
      }),
    );

  groups
    .command('describe <group>')
    .description('show the members of a group, and the lag of each partition')
    .action((group: string, _options, command: Command) =>
      callGateway(optionsOf(command), async ({ sluice, output }) => {
        const document = await sluice.admin.describeGroup({ group });
        output.either(document, () => showGroup(output, document));
      }),
    );
}

function addOffsetsCommands(program: Command): void {
  const offsets = program.command('offsets').description('keep committed offsets in a file');
  offsets
    .command('export <group>')
    .description('print the committed offsets of a group as JSON')
    .action((group: string, _options, command: Command) =>
      callGateway(optionsOf(command), async ({ sluice, output }) => {
        const committed = await sluice.admin.committedOffsets({ group });
        const known = committed.offsets
          .filter(({ offset }) => offset !== null)
          .map(({ topic, partition, offset, metadata }) => ({
            topic,
            partition,
            offset,
            ...(metadata ? { metadata } : {}),
          }));
        output.document({ offsets: known });
      }),
    );

  offsets
    .command('import <group> [file]')
    .description(
      'commit the offsets of an exported file (default: stdin) for a group without members',
    )
    .action((group: string, file: string | undefined, _options, command: Command) =>
      callGateway(optionsOf(command), async ({ sluice, output }) => {
        const document = await readOffsets(file);
        const committed = await sluice.admin.commitOffsets({ group, ...document });
        output.either(committed, () =>
          output.note(`Committed offsets of group ${group}: ${committed.offsets.length}.`),
        );
      }),
    );
}

async function allGroups(
  admin: Admin,
): Promise<Awaited<ReturnType<Admin['listGroups']>>['groups'][number][]> {
  const found = [];
  let after: string | undefined;
  for (;;) {
    const page = await admin.listGroups(after === undefined ? {} : { after });
    found.push(...page.groups);
    if (page.nextAfter === null) return found;
    after = page.nextAfter;
  }
}

function showGroup(output: CommandRun['output'], group: Group): void {
  const { mode, state, generation, coordinator, lag, deadLetters } = group;
  output.line(
    `${output.style('bold', group.group)}  ${mode ?? 'no mode yet'}, ${state}, ` +
      `generation ${generation}, ` +
      `coordinator ${coordinator ?? '-'}, lag ${lag ?? '-'}` +
      (typeof deadLetters === 'number' ? `, dead letters not put back ${deadLetters}` : ''),
  );
  output.line();
  output.table(
    ['MEMBER', 'INSTANCE', 'CLIENT', 'PARTITIONS', 'LAG'],
    group.members.map((member) => [
      member.memberId,
      member.instanceId,
      member.clientId,
      member.assignment.map(({ topic, partition }) => `${topic}-${partition}`).join(' '),
      member.lag,
    ]),
  );
  const partitions = group.partitions as readonly Readonly<Record<string, Cell>>[];
  if (partitions.length === 0) return;
  const columns = [
    ['TOPIC', 'topic'],
    ['PARTITION', 'partition'],
    ['OFFSET', 'offset'],
    ['LAG', 'lag'],
    ['OWNER', 'owner'],
    ['AVAILABLE', 'available'],
    ['ACQUIRED', 'acquired'],
    ['DELAYED', 'delayed'],
  ] as const;
  const isShown = (member: string): boolean =>
    mode === 'queue' ? member !== 'owner' : !QUEUE_MEMBERS.has(member);
  const shown = columns.filter(([, member]) => isShown(member));
  output.line();
  output.table(
    shown.map(([title]) => title),
    partitions.map((each) => shown.map(([, member]) => each[member])),
  );
}

function resetTarget(text: string): ResetTo {
  if (text === 'earliest' || text === 'latest') return text;
  if (/^[+-]\d+$/.test(text)) return { shift: Number(text) };
  if (/^\d+$/.test(text)) return { offset: Number(text) };
  const timestamp = isoTime(text);
  if (timestamp !== undefined) return { timestamp };
  throw new InvalidArgumentError(
    'It must be "earliest", "latest", an offset, a time such as 2026-05-01T12:00:00Z, or a shift such as +100.',
  );
}

async function readOffsets(
  file: string | undefined,
): Promise<{ offsets: { topic: string; partition: number; offset: number }[] }> {
  const stream = file === undefined || file === '-' ? process.stdin : createReadStream(file);
  let text = '';
  try {
    for await (const chunk of stream.setEncoding('utf8')) text += String(chunk);
  } catch (cause) {
    throw new UsageError(`Cannot read ${file}: ${(cause as Error).message}.`, { cause });
  }
  try {
    const document = JSON.parse(text) as { readonly offsets?: unknown };
    if (!Array.isArray(document.offsets)) throw new TypeError('it has no list "offsets"');
    return { offsets: document.offsets as { topic: string; partition: number; offset: number }[] };
  } catch (cause) {
    const name = file ?? 'stdin';
    throw new UsageError(`${name} is not an export of offsets: ${(cause as Error).message}.`, {
      cause,
    });
  }
}
