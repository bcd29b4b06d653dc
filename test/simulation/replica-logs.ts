import { join } from 'node:path';
import type { RecordBatch } from '#log';
import type { TopicPartition } from '#protocol';
import { wholeBatches } from './batches.js';
import { type Machine, partitionDirectory } from './machine.js';
import type { World } from './world.js';

/** The content of one replica's own files of a partition. */
export interface ReplicaLog {
  readonly machine: Machine;
  readonly highWatermark: number;
  readonly batches: readonly RecordBatch[];
}

/** Reads the files of all replicas of a partition as they are on the disks now. */
export async function readReplicaLogs(
  world: World,
  { topic, partition }: TopicPartition,
): Promise<ReplicaLog[]> {
  const logs: ReplicaLog[] = [];
  for (const id of world.partition(topic, partition)?.replicas ?? []) {
    const machine = world.machine(id);
    const status = machine.opened
      ?.status()
      .partitions.find((one) => one.topic === topic && one.partition === partition);
    if (status?.highWatermark == null) {
      world.violated(`${machine.name} does not serve ${topic}-${partition}: ${status?.offline}`);
      continue;
    }
    const directory = partitionDirectory(topic, partition);
    const names = (await machine.disk.readDirectory(directory)).map(({ name }) => name);
    const batches: RecordBatch[] = [];
    for (const name of names.filter((one) => one.endsWith('.log')).toSorted()) {
      batches.push(...wholeBatches(await machine.disk.readFile(join(directory, name))));
    }
    logs.push({ machine, highWatermark: status.highWatermark, batches });
  }
  return logs;
}
