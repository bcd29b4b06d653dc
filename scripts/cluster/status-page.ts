/** The page that `npm run cluster` shows. */
import { basename } from 'node:path';
import type { ClusterBroker } from './cluster-broker.js';
import type { Observed, ObservedCluster, ObservedPartition, ObservedTopic } from './observe.js';
import type { Page } from './screen.js';

const PARTITIONS_SHOWN = 30;

/** The ways to start a broker again: a key, or a signal to this process. */
interface Restart {
  readonly hasKeys: boolean;
  readonly pid: number;
}

interface Shown extends Restart {
  readonly brokers: readonly ClusterBroker[];
  readonly redis: { readonly url: string };
  readonly observed: Observed;
  readonly directory: string;
}

/** A partition with the name of its topic. */
type NamedPartition = readonly [string, ObservedPartition];

/**
 * @returns `lines` of text, and a `gist` that changes with every event worth printing; offsets
 *   change all the time
 */
export function statusPage(shown: Shown): Page {
  const { brokers, redis, observed, directory, hasKeys, pid } = shown;
  const { cluster, topics, servingIds } = observed;
  const brokerLines = columns([
    ['BROKER', 'STATE', 'PID', 'URL', ''],
    ...brokers.map((broker) => brokerRow(broker, cluster, servingIds, { hasKeys, pid })),
  ]);
  const partitions = topics
    .filter(({ internal }) => !internal)
    .flatMap((topic) => topic.partitions.map((each): NamedPartition => [topic.name, each]));
  const lines = [
    `Sluice cluster   data and logs: ${directory}   Redis: ${redis.url}`,
    '',
    ...brokerLines,
    '',
    ...partitionLines(partitions),
    '',
    ...hints(brokers, topics),
    '',
    hasKeys ? 'Ctrl-C ends the cluster.' : `Ctrl-C (kill ${pid}) ends the cluster.`,
  ];
  const placement = partitions.map(([topic, { partition, leader, leaderEpoch, replicas, isr }]) => {
    return [topic, partition, leader, leaderEpoch, replicas, isr];
  });
  return { lines, gist: JSON.stringify([brokerLines, placement]) };
}

function brokerRow(
  broker: ClusterBroker,
  cluster: ObservedCluster | undefined,
  servingIds: readonly number[],
  { hasKeys, pid }: Restart,
): string[] {
  const { id, url } = broker;
  if (!broker.isRunning) {
    const how = hasKeys ? `press ${id} to start it again` : `kill -USR2 ${pid} starts it again`;
    const reason = broker.end instanceof Error ? broker.end.message : String(broker.end);
    const end = `${reason} (see ${basename(broker.logFile)})`;
    return [String(id), 'dead', '-', url, `${end}; ${how}`];
  }
  const registered = cluster?.brokers.find((one) => one.id === id);
  const state = servingIds.includes(id) ? 'serving' : 'not serving';
  const isController = cluster?.controller === id;
  const notes = [
    isController ? 'controller' : '',
    registered?.alive === false ? 'dead to the cluster' : '',
  ];
  return [String(id), state, String(broker.pid), url, notes.filter(Boolean).join(', ')];
}

function partitionLines(partitions: readonly NamedPartition[]): string[] {
  if (partitions.length === 0) return ['no topics yet'];
  const more = partitions.length - PARTITIONS_SHOWN;
  return [
    ...columns([
      ['PARTITION', 'LEADER', 'EPOCH', 'REPLICAS', 'ISR', 'HIGH WATERMARK', 'LAG'],
      ...partitions.slice(0, PARTITIONS_SHOWN).map(partitionRow),
    ]),
    ...(more > 0 ? [`and ${more} more partitions`] : []),
  ];
}

/**
 * The lag is the number of records that the leader has and not all of the ISR: they are not
 * committed yet.
 */
function partitionRow([topic, partition]: NamedPartition): string[] {
  const { leader, leaderEpoch, replicas, isr, highWatermark, logEndOffset } = partition;
  const lag = highWatermark === null || logEndOffset === null ? null : logEndOffset - highWatermark;
  return [
    `${topic}-${partition.partition}`,
    leader ?? 'none',
    leaderEpoch ?? '-',
    replicas.join(','),
    isr.length < replicas.length ? `${isr.join(',')} (of ${replicas.length})` : isr.join(','),
    highWatermark ?? '-',
    lag ?? '-',
  ].map(String);
}

function hints(brokers: readonly ClusterBroker[], topics: readonly ObservedTopic[]): string[] {
  const running = brokers.filter((broker) => broker.isRunning);
  const [first] = running;
  if (first === undefined) return ['no broker runs'];
  const last = running.at(-1) ?? first;
  const victim = leaderOfFirst(brokers, topics) ?? first;
  const json = "-H 'content-type: application/json'";
  return [
    'Try it, at any broker:',
    `  curl ${first.url}/v1/topics ${json} -d '{"name": "orders", "partitions": 3}'`,
    `  curl ${last.url}/v1/topics/orders/records -d 'hello, cluster'`,
    `  curl -N '${first.url}/v1/topics/orders/events?from=earliest'`,
    `Kill a ${victim === first ? 'broker' : 'leader'}, and see who takes over:  kill -9 ${victim.pid}`,
  ];
}

function leaderOfFirst(
  brokers: readonly ClusterBroker[],
  topics: readonly ObservedTopic[],
): ClusterBroker | undefined {
  const leader = topics.find(({ internal }) => !internal)?.partitions[0]?.leader;
  return brokers.find(({ id, isRunning }) => id === leader && isRunning);
}

/** Left-aligned columns, as wide as necessary. */
function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('   ')
      .trimEnd(),
  );
}
