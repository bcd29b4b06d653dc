import { rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { type ClusterOptions, ClusterProcesses } from '../support/cluster-processes.js';
import { type CheckedHistory, checkedHistory, found } from './checked-history.js';
import { ClusterLoad } from './cluster-load.js';
import { addFinalLogs, logHash } from './final-log.js';
import { History } from './history.js';

export const TOPIC = 'orders';
const PARTITIONS = 3;
/** Acknowledged before the first fault, and after the last. */
const RECORDS_AROUND = 300;

export interface RunUnderLoad {
  readonly cluster: ClusterProcesses;
  readonly history: History;
  readonly load: ClusterLoad;
}

export interface RunOptions extends ClusterOptions {
  /** Name of the history file. */
  readonly name: string;
  /** Configs of the topic; min.insync.replicas is 2 unless given. */
  readonly configs?: Readonly<Record<string, string | number>>;
  /** Brokers of each partition; all brokers unless given. */
  readonly replicaAssignment?: readonly (readonly number[])[];
}

/**
 * Runs a cluster of three brokers under load, lets `faults` do what it does, and holds all that
 * happened against the invariants; the logs of all brokers must be the same in the end. A run that
 * fails leaves its history and the brokers' logs, and says where.
 * @param faults ends with all brokers running again
 */
export async function runUnderLoad(
  options: RunOptions,
  faults: (run: RunUnderLoad) => Promise<void>,
): Promise<CheckedHistory> {
  const cluster = await ClusterProcesses.start(options);
  onTestFinished(() => cluster.dispose());
  const history = new History(options.name);
  try {
    return await checkedRun({ cluster, history }, options, faults);
  } catch (error) {
    console.info(`${options.name} failed: ${await evidence(cluster, history)}`);
    throw error;
  }
}

async function checkedRun(
  { cluster, history }: Omit<RunUnderLoad, 'load'>,
  options: RunOptions,
  faults: (run: RunUnderLoad) => Promise<void>,
): Promise<CheckedHistory> {
  const { configs = {}, replicaAssignment } = options;
  const replicationFactor = replicaAssignment?.[0]?.length ?? cluster.brokers.length;
  const more = { configs, replicationFactor, replicaAssignment };
  await cluster.createTopic(TOPIC, PARTITIONS, more);
  const load = new ClusterLoad({ cluster, history, topic: TOPIC, partitions: PARTITIONS });
  onTestFinished(() => {
    load.abandon();
  });
  await load.more(RECORDS_AROUND);
  await faults({ cluster, history, load });
  await load.more(RECORDS_AROUND);
  await load.stop();
  await addFinalLogs(cluster, history, TOPIC);
  history.close();

  const checked = await checkedHistory(history.path);
  // One line a run, beside its name: how much was at stake, and how long it stood still.
  const { counts, unavailability } = checked;
  const { longestMs, after } = unavailability;
  console.info(`${options.name}: ${JSON.stringify(counts)}, still for ${longestMs} ms (${after})`);
  expect(found(checked)).toEqual({});
  expect(checked.isWhole).toBe(true);
  await expectSameLogs(cluster);
  rmSync(dirname(history.path), { recursive: true });
  return checked;
}

/** Puts what the brokers logged, and how they see the topic, beside the history; answers where. */
async function evidence(cluster: ClusterProcesses, history: History): Promise<string> {
  const directory = dirname(history.path);
  for (const { id, process } of cluster.brokers) {
    writeFileSync(join(directory, `broker-${id}.log`), process.logLines.join('\n'));
  }
  const views = await Promise.all(
    cluster.running.map(async (broker) => {
      const view = await cluster.topic(TOPIC, broker).catch(String);
      return { broker: broker.id, cluster: await cluster.describe(broker).catch(String), view };
    }),
  );
  writeFileSync(join(directory, 'views.json'), JSON.stringify(views, undefined, 2));
  return directory;
}

/**
 * Stops all brokers, for what is in memory to be on disk, and compares the files of the replicas.
 */
async function expectSameLogs(cluster: ClusterProcesses): Promise<void> {
  const { partitions } = await cluster.untilInSync(TOPIC);
  await Promise.all(cluster.running.map((broker) => broker.stop()));
  for (const { partition, replicas } of partitions) {
    const hashes = await Promise.all(
      replicas.map((id) => logHash(cluster.broker(id), TOPIC, partition)),
    );
    expect(new Set(hashes).size, `${TOPIC}-${partition} on disk: ${hashes.join(' ')}`).toBe(1);
  }
}
