import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClusterBroker, ClusterProcesses } from '../support/cluster-processes.js';
import { until } from '../support/until.js';
import type { History, ShownRecord } from './history.js';

/** Adds the whole log, as every broker shows it, to a history. */
export async function addFinalLogs(
  cluster: ClusterProcesses,
  history: History,
  topic: string,
): Promise<void> {
  const { partitions } = await cluster.untilInSync(topic);
  for (const broker of cluster.running) {
    for (const { partition } of partitions) {
      const records = await wholePartition(broker, topic, partition);
      for (const { offset, value } of records) {
        history.add({ event: 'final', broker: broker.id, partition, offset, value });
      }
    }
  }
}

async function wholePartition(
  broker: ClusterBroker,
  topic: string,
  partition: number,
): Promise<readonly ShownRecord[]> {
  const path = `/v1/topics/${topic}/partitions/${partition}/records`;
  return until(`${topic}-${partition} at broker ${broker.id}`, async () => {
    const headers = { Accept: 'application/x-ndjson' };
    const response = await fetch(`${broker.url}${path}`, { headers });
    const lines = (await response.text()).trimEnd().split('\n');
    const records = lines.map((line) => JSON.parse(line) as Partial<ShownRecord>);
    const end = records.pop();
    // Broken off in the middle: once more.
    if (!response.ok || end === undefined || 'error' in end) return undefined;
    return records as ShownRecord[];
  });
}

/**
 * A hash of a partition's log on a stopped broker's disk. The logs of all replicas are equal byte
 * for byte; only the segment boundaries may differ.
 */
export async function logHash(
  broker: ClusterBroker,
  topic: string,
  partition: number,
): Promise<string> {
  const directory = join(broker.process.dataDir, `${topic}-${partition}`);
  const logs = (await readdir(directory)).filter((name) => name.endsWith('.log')).toSorted();
  const hash = createHash('sha256');
  for (const name of logs) hash.update(await readFile(join(directory, name)));
  return hash.digest('hex');
}
