import { join } from 'node:path';
import type { FileSystem } from '#runtime';
import { replaceFile, tryReadFile } from '../checkpoint/checkpoint-file.js';

const FILE_NAME = 'partition.metadata';

/** Groups of a UUID's hexadecimal digits: 8-4-4-4-12. */
const UUID = /^([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12})$/;
/** Kafka's form of a topic id: 16 bytes in URL-safe base64 without padding. */
const KAFKA_UUID = /^[A-Za-z0-9_-]{22}$/;

/** Content of a `partition.metadata` file. */
export interface PartitionMetadataFile {
  /** The topic id as a UUID in lower case, the form used in this program. */
  readonly topicId: string;
  /** True when the file has the form that Kafka reads; files of earlier versions do not. */
  readonly isInKafkaForm: boolean;
}

/**
 * Writes Kafka's `partition.metadata`, which records the topic id of a partition's directory. The
 * id is written in Kafka's form, 22 characters of base64; Kafka's broker refuses any other.
 * @param topicId a UUID; any other text is written unchanged
 */
export async function writeTopicId(
  fileSystem: FileSystem,
  directory: string,
  topicId: string,
): Promise<void> {
  const content = `version: 0\ntopic_id: ${toKafkaForm(topicId)}\n`;
  await replaceFile(fileSystem, join(directory, FILE_NAME), Buffer.from(content));
}

/** Reads `partition.metadata`; undefined when there is no such file or it holds no topic id. */
export async function readPartitionMetadata(
  fileSystem: FileSystem,
  directory: string,
): Promise<PartitionMetadataFile | undefined> {
  const content = await tryReadFile(fileSystem, join(directory, FILE_NAME));
  const written = /^topic_id: (\S+)$/m.exec(content?.toString('utf8') ?? '')?.[1];
  if (written === undefined) return undefined;
  return { topicId: fromKafkaForm(written), isInKafkaForm: toKafkaForm(written) === written };
}

/** Reads only the topic id; undefined as for `readPartitionMetadata`. */
export async function readTopicId(
  fileSystem: FileSystem,
  directory: string,
): Promise<string | undefined> {
  return (await readPartitionMetadata(fileSystem, directory))?.topicId;
}

function toKafkaForm(topicId: string): string {
  const groups = UUID.exec(topicId);
  if (groups === null) return topicId;
  return Buffer.from(groups.slice(1).join(''), 'hex').toString('base64url');
}

function fromKafkaForm(written: string): string {
  if (!KAFKA_UUID.test(written)) return written;
  const hex = Buffer.from(written, 'base64url').toString('hex');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
