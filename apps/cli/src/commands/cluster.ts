import type { Command } from 'commander';
import { type CommandRun, callGateway, withGateway } from '../command-run.js';
import { delay } from '../delay.js';
import { UsageError } from '../exit-codes.js';
import { optionsOf } from '../global-options.js';
import { wholeNumber } from '../parse-values.js';
import { numberArgument } from './records.js';

const WATCH_MS = 1000;
const CLEAR_SCREEN = '\u001B[2J\u001B[H';

/** Adds `cluster`, `elect` and `move`. */
export function addClusterCommands(program: Command): void {
  program
    .command('cluster')
    .description('show brokers, leaders and partitions that lack replicas')
    .option('--watch', 'show it again every second until Ctrl-C')
    .action((_options, command: Command) => {
      const options = optionsOf<{ readonly watch?: boolean }>(command);
      return withGateway(options, async (run) => {
        await showCluster(run);
        while (options.watch === true && !run.signal.aborted) {
          await delay(WATCH_MS, run.signal);
          if (run.output.stdout.isTTY && !run.output.isJson) run.output.stdout.write(CLEAR_SCREEN);
          await showCluster(run);
        }
      });
    });

  program
    .command('elect <topic> <partition>')
    .description('move the leadership of a partition')
    .option('--unclean', 'accept the loss of records that no living replica has')
    .option('--replica <id>', 'with --unclean: broker that leads', wholeNumber())
    .action((topic: string, partition: string, _options, command: Command) => {
      const options = optionsOf<{ readonly replica?: number; readonly unclean?: boolean }>(command);
      if (options.replica !== undefined && options.unclean !== true) {
        throw new UsageError('--replica needs --unclean; otherwise the preferred replica leads.');
      }
      return callGateway(options, async ({ sluice, output }) => {
        const answer = await sluice.admin.electLeader({
          topic,
          partition: numberArgument('partition', partition),
          type: options.unclean === true ? 'unclean' : 'preferred',
          ...(options.replica === undefined ? {} : { replica: options.replica }),
        });
        output.either(answer, () => showPartition(output, topic, answer));
      });
    });

  program
    .command('move <topic> <partition>')
    .description('move the replicas of a partition to other brokers')
    .requiredOption('--replicas <ids>', 'broker ids, the preferred leader first, such as 2,3,1')
    .action((topic: string, partition: string, _options, command: Command) => {
      const options = optionsOf<{ readonly replicas: string }>(command);
      if (!/^\d+(,\d+)*$/.test(options.replicas)) {
        throw new UsageError('--replicas must be broker ids with commas between them: 2,3,1.');
      }
      return callGateway(options, async ({ sluice, output }) => {
        const answer = await sluice.admin.reassignReplicas({
          topic,
          partition: numberArgument('partition', partition),
          replicas: options.replicas.split(',').map(Number),
        });
        output.either(answer, () => showPartition(output, topic, answer));
      });
    });
}

type Admin = CommandRun['sluice']['admin'];

/** Prints a partition as it is now; while it moves, also which replicas come and go. */
function showPartition(
  output: CommandRun['output'],
  topic: string,
  partition: Awaited<ReturnType<Admin['electLeader'] | Admin['reassignReplicas']>>,
): void {
  const { leader, replicas, isr, addingReplicas, removingReplicas } = partition;
  const columns = [
    ['TOPIC', topic],
    ['PARTITION', partition.partition],
    ['LEADER', leader],
    ['REPLICAS', replicas.join(',')],
    ['ISR', isr.join(',')],
    ['ADDING', addingReplicas?.join(',')],
    ['REMOVING', removingReplicas?.join(',')],
  ] as const;
  const shown = columns.filter(([, cell]) => cell !== undefined && cell !== '');
  output.table(
    shown.map(([name]) => name),
    [shown.map(([, cell]) => cell)],
  );
}

async function showCluster({ sluice, output, signal }: CommandRun): Promise<void> {
  const [cluster, { topics }] = await Promise.all([
    sluice.admin.describeCluster({}, { signal }),
    sluice.admin.listTopics({ internal: true }, { signal }),
  ]);
  if (output.isJson) {
    output.document(cluster);
    return;
  }
  const partitions = topics.flatMap(({ name, partitions: all }) =>
    all.map((partition) => ({ name, ...partition })),
  );
  output.line(
    `${output.style('bold', cluster.clusterId)}  ${cluster.coordination}, controller ${cluster.controller ?? '-'}`,
  );
  output.line();
  output.table(
    ['BROKER', 'URL', 'RACK', 'ALIVE', 'LEADS', 'REPLICAS'],
    cluster.brokers.map((broker) => [
      broker.id,
      broker.url,
      broker.rack,
      broker.alive ? 'yes' : output.style('red', 'no'),
      partitions.filter(({ leader }) => leader === broker.id).length,
      partitions.filter(({ replicas }) => replicas.includes(broker.id)).length,
    ]),
  );
  const behind = partitions.filter(
    ({ leader, isr, replicas }) => leader === null || isr.length < replicas.length,
  );
  output.line();
  if (behind.length === 0) {
    output.line(output.style('green', 'Every partition has a leader and all its replicas.'));
    return;
  }
  output.line(output.style('red', `Partitions that lack a leader or replicas: ${behind.length}`));
  output.table(
    ['TOPIC', 'PARTITION', 'LEADER', 'REPLICAS', 'ISR'],
    behind.map((each) => [
      each.name,
      each.partition,
      each.leader,
      each.replicas.join(','),
      each.isr.join(','),
    ]),
  );
}
