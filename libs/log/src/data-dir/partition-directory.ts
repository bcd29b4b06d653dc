import type { TopicPartition } from '#protocol';
import type { DiskReserve, FileSystem, Logger } from '#runtime';
import { readPartitionMetadata, writeTopicId } from './partition-metadata.js';

/** Parses the name of a partition's directory, like `topic-0`; undefined for any other. */
export function parsePartitionDirectory(name: string): TopicPartition | undefined {
  const match = /^([a-zA-Z0-9._-]{1,249})-(0|[1-9]\d{0,9})$/.exec(name);
  return match === null ? undefined : { topic: match[1] ?? '', partition: Number(match[2]) };
}

interface DirectoryPorts {
  readonly fileSystem: FileSystem;
  readonly logger: Logger;
  readonly reserve: DiskReserve;
}

/**
 * Reads the topic id of a partition's directory that was found at the start. A `partition.metadata`
 * of an earlier version is rewritten in Kafka's form. An empty directory without a topic id is a
 * leftover of an interrupted creation and is removed.
 * @returns undefined when the directory was removed
 * @throws Error when the topic id of a log is missing or damaged
 */
export async function claimTopicId(
  directory: string,
  ports: DirectoryPorts,
): Promise<string | undefined> {
  const { fileSystem } = ports;
  const metadata = await readPartitionMetadata(fileSystem, directory);
  if (metadata !== undefined) {
    if (!metadata.isInKafkaForm) await rewriteTopicId(directory, metadata.topicId, ports);
    return metadata.topicId;
  }
  const names = (await fileSystem.readDirectory(directory)).map(({ name }) => name);
  if (names.every((name) => name.startsWith('partition.metadata'))) {
    await fileSystem.removeDirectory(directory);
    return undefined;
  }
  throw new Error('its partition.metadata is missing or damaged');
}

/** The log opens without the rewritten file, too: a failure is only logged. */
async function rewriteTopicId(
  directory: string,
  topicId: string,
  { fileSystem, logger, reserve }: DirectoryPorts,
): Promise<void> {
  try {
    await reserve.run(() => writeTopicId(fileSystem, directory, topicId));
  } catch (error) {
    logger.warn({ err: error, directory }, "partition.metadata keeps a form that Kafka can't read");
  }
}
