import { join } from 'node:path';
import type { PartitionMetadata } from '#coordination';
import { batchSizeAt } from '#log';
import { topicPartitionName } from '#protocol';
import type { SeededRandom } from '#runtime/testing';
import { validBatchAt, wholeBatches } from './batches.js';
import { ClientConnection } from './client-connection.js';
import { outcomeOf } from './history.js';
import { isUndamaged, type LogFile } from './log-files.js';
import { type Machine, partitionDirectory } from './machine.js';
import type { World } from './world.js';

type Replicated = Pick<PartitionMetadata, 'isr' | 'replicas' | 'reassignment'>;

const REPAIR_MS_MAX = 60_000;
const RETRY_MS = 250;
/** Position of the leader epoch in a batch. */
const EPOCH_AT = 12;
const EPOCH_END = 16;

/**
 * Flips a bit in a log file of a machine (F7): in a closed segment, because a starting process
 * trusts the last bytes of a log that it wrote itself; or in an index. It spares a partition that
 * no other broker has: nothing could repair it.
 */
export async function flipBit(world: World, machine: Machine, random: SeededRandom): Promise<void> {
  const { disk } = machine;
  const files: string[] = [];
  for (const { name: topic, partitions } of world.state.topics.values()) {
    for (const [partition, metadata] of partitions.entries()) {
      if (!isElsewhere(metadata, machine.id)) continue;
      const directory = partitionDirectory(topic, partition);
      const names = (await namesIn(machine, directory)).toSorted();
      const active = names.findLast((name) => name.endsWith('.log'));
      const isMine = (name: string): boolean => /\.(log|index|timeindex)$/.test(name);
      files.push(
        ...names
          .filter((name) => isMine(name) && name !== active)
          .map((name) => join(directory, name)),
      );
    }
  }
  const path = files[random.below(files.length)];
  const sizeBytes = path === undefined ? 0 : ((await disk.fileSize(path)) ?? 0);
  // The machine may have got another disk since.
  if (path === undefined || sizeBytes === 0 || machine.disk !== disk) return;
  const drawn = random.below(sizeBytes);
  const content = path.endsWith('.log') ? await disk.readFile(path) : undefined;
  const position = content === undefined ? drawn : coveredPosition(content, drawn);
  if (position === undefined) return;
  const place = content === undefined ? '' : `, ${placeIn(content, position)}`;
  world.trace.add('faults', `${machine.name}: a bit of ${path} flips at ${position}${place}`);
  disk.corrupt(path, position, 1 << random.below(8));
}

/** True when another broker has all records of a partition, and keeps them. */
export function isElsewhere({ isr, replicas, reassignment }: Replicated, id: number): boolean {
  const isOther = (one: number): boolean => one !== id;
  return isr.some(isOther) && (reassignment?.to ?? replicas).some(isOther);
}

/**
 * Moves a position out of the leader epoch of a batch, the one field that no checksum covers
 * because the leader stamps it: a flip there could not be detected.
 * @returns undefined for a position that is not in a valid batch, so that its field is not known
 */
export function coveredPosition(log: Buffer, position: number): number | undefined {
  for (let start = 0; start < log.length; ) {
    const sizeBytes = batchSizeAt(log, start);
    if (sizeBytes === undefined || start + sizeBytes > log.length) return undefined;
    const within = position - start;
    if (within < sizeBytes) {
      if (validBatchAt(log, start) === undefined) return undefined;
      return within >= EPOCH_AT && within < EPOCH_END ? start + EPOCH_END : position;
    }
    start += sizeBytes;
  }
  return undefined;
}

/** Names the batch of a log file that has a byte, for the trace. */
export function placeIn(log: Buffer, position: number): string {
  let start = 0;
  // No checksum covers the base offset: it is not read, because it may be damaged.
  for (const { sizeBytes } of wholeBatches(log)) {
    if (position < start + sizeBytes) {
      return `byte ${position - start} of the batch at position ${start}`;
    }
    start += sizeBytes;
  }
  return `in or after the damage that begins at ${start}`;
}

/** Reads all logs of a damaged machine until the other brokers have repaired them. */
export async function repaired(world: World, machine: Machine): Promise<void> {
  const endMs = world.nowMs + REPAIR_MS_MAX;
  const connection = new ClientConnection(world, world.randomOf('repair'));
  let unrepaired: string | undefined;
  while (world.nowMs < endMs && world.violations.length === 0) {
    for (const { name: topic, partitions } of world.state.topics.values()) {
      for (const partition of partitions.keys()) {
        await readThrough(connection, machine, topic, partition);
      }
    }
    unrepaired = await firstUnrepaired(world, machine);
    if (unrepaired === undefined) {
      world.trace.add('checker', `${machine.name} is fully repaired`);
      return;
    }
    await world.sleep(RETRY_MS);
  }
  if (world.violations.length > 0) return;
  world.violated(`I19: ${machine.name} was damaged and not repaired: ${unrepaired}`);
}

async function readThrough(
  connection: ClientConnection,
  machine: Machine,
  topic: string,
  partition: number,
): Promise<void> {
  const request = { topic, partition, maxBytes: 50_000, minBytes: 1, waitMs: 0, mayBeBehind: true };
  try {
    for (let offset = 0; ; ) {
      const from = offset;
      const { batches } = await connection.call(machine, (broker) =>
        broker.fetch({ ...request, offset: from }),
      );
      offset = batches.at(-1)?.nextOffset ?? from;
      if (offset === from) return;
    }
  } catch (error) {
    if (outcomeOf(error) === undefined) throw error;
  }
}

/**
 * Names the first partition whose log lacks records in valid batches, or is not in sync, and says
 * which brokers have it; undefined when there is none.
 */
async function firstUnrepaired(world: World, machine: Machine): Promise<string | undefined> {
  for (const { name: topic, configs, partitions } of world.state.topics.values()) {
    const isCompacted = configs['cleanup.policy']?.includes('compact') === true;
    for (const [partition, { replicas, isr }] of partitions.entries()) {
      if (!replicas.includes(machine.id)) continue;
      const name = topicPartitionName({ topic, partition });
      const places = `replicas ${replicas.join(',')}, ISR ${isr.join(',')}`;
      if (!isr.includes(machine.id)) return `${name} is not in sync (${places})`;
      const status = machine.opened
        ?.status()
        .partitions.find((one) => one.topic === topic && one.partition === partition);
      const start = status?.logStartOffset ?? 0;
      const end = status?.logEndOffset ?? 0;
      const files = await logFilesIn(machine, partitionDirectory(topic, partition));
      if (!isUndamaged(files, { start, end, isCompacted })) return `${name} has damage (${places})`;
    }
  }
  return undefined;
}

async function logFilesIn(machine: Machine, directory: string): Promise<LogFile[]> {
  const names = (await namesIn(machine, directory)).filter((name) => name.endsWith('.log'));
  return Promise.all(
    names.toSorted().map(async (name) => ({
      baseOffset: Number.parseInt(name, 10),
      bytes: await machine.disk.readFile(join(directory, name)),
    })),
  );
}

async function namesIn({ disk }: Machine, directory: string): Promise<string[]> {
  try {
    return (await disk.readDirectory(directory)).map(({ name }) => name);
  } catch {
    // The machine has no replica of that partition.
    return [];
  }
}
