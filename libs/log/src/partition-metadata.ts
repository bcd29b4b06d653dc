import { join } from 'node:path';
import type { FileSystem } from '#runtime';
import { readFileIfAny, replaceFile } from './checkpoint-file.js';

const FILE_NAME = 'partition.metadata';

/** Kafka's `partition.metadata`: which topic, by id, a partition's directory belongs to. */
export async function writeTopicId(
  fileSystem: FileSystem,
  directory: string,
  topicId: string,
): Promise<void> {
  const content = `version: 0\ntopic_id: ${topicId}\n`;
  await replaceFile(fileSystem, join(directory, FILE_NAME), Buffer.from(content));
}

/** The topic id; undefined when there is no such file or it has none. */
export async function readTopicId(
  fileSystem: FileSystem,
  directory: string,
): Promise<string | undefined> {
  const content = await readFileIfAny(fileSystem, join(directory, FILE_NAME));
  return /^topic_id: (\S+)$/m.exec(content?.toString('utf8') ?? '')?.[1];
}
