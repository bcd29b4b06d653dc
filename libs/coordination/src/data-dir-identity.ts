/**
 * The owner of a data directory: `meta.json` in it, written once when the directory is first used.
 *
 * It keeps a broker from starting on the data of another cluster or broker, where it would serve
 * wrong records under the right names.
 */

import { join } from 'node:path';
import { DataDirError, type FileSystem, type Random } from '#runtime';

import { DurableJsonFile } from './durable-json-file.js';

const FILE_NAME = 'meta.json';

export interface DataDirIdentity {
  /** Name of the cluster, chosen by its operator. */
  readonly clusterId: string;
  /** UUID created when the cluster was founded; distinguishes clusters of the same name. */
  readonly clusterUuid: string;
  readonly brokerId: number;
  /** UUID created with the directory; distinguishes a replaced disk from its predecessor. */
  readonly dataDirUuid: string;
}

interface MetaDocument {
  readonly format_version: 1;
  readonly cluster_id: string;
  readonly cluster_uuid: string;
  readonly broker_id: number;
  readonly data_dir_uuid: string;
}

export interface OpenIdentityOptions {
  readonly fileSystem: FileSystem;
  readonly random: Random;
  readonly dataDir: string;
  readonly clusterId: string;
  readonly brokerId: number;
  /** UUID of the cluster that a directory without an identity joins; undefined: it founds one. */
  readonly clusterUuid?: string;
}

/** The expected owner of the directory. */
type ExpectedIdentity = Pick<
  OpenIdentityOptions,
  'fileSystem' | 'dataDir' | 'clusterId' | 'brokerId'
>;

/**
 * Refuses a directory of another cluster or broker before anything in it is touched; accepts one
 * without an identity.
 * @throws DataDirError
 */
export async function assertOwnDataDir(expected: ExpectedIdentity): Promise<void> {
  const stored = await readIdentity(expected.fileSystem, expected.dataDir);
  if (stored !== undefined) assertOwn(stored, expected);
}

/** The identity in the directory; undefined when it has none yet. */
export async function readIdentity(
  fileSystem: FileSystem,
  dataDir: string,
): Promise<DataDirIdentity | undefined> {
  const document = await metaFile(fileSystem, dataDir).read();
  if (document === undefined) return undefined;
  return {
    clusterId: document.cluster_id,
    clusterUuid: document.cluster_uuid,
    brokerId: document.broker_id,
    dataDirUuid: document.data_dir_uuid,
  };
}

/**
 * Reads the directory's identity, or creates one in a directory that has none.
 * @throws DataDirError when it belongs to another cluster or broker, or cannot be read
 */
export async function openIdentity(options: OpenIdentityOptions): Promise<DataDirIdentity> {
  const { fileSystem, random, dataDir, clusterId, brokerId } = options;
  const stored = await readIdentity(fileSystem, dataDir);
  if (stored !== undefined) {
    assertOwn(stored, options);
    return stored;
  }
  const clusterUuid = options.clusterUuid ?? random.uuid();
  const identity = { clusterId, brokerId, clusterUuid, dataDirUuid: random.uuid() };
  await metaFile(fileSystem, dataDir).write({
    format_version: 1,
    cluster_id: clusterId,
    cluster_uuid: identity.clusterUuid,
    broker_id: brokerId,
    data_dir_uuid: identity.dataDirUuid,
  });
  return identity;
}

function assertOwn(stored: DataDirIdentity, expected: ExpectedIdentity): void {
  const { clusterId, brokerId, dataDir } = expected;
  if (stored.clusterId !== clusterId) {
    throw new DataDirError(
      'foreign',
      `${dataDir} belongs to cluster "${stored.clusterId}", this broker belongs to "${clusterId}".`,
    );
  }
  if (stored.brokerId !== brokerId) {
    throw new DataDirError(
      'foreign',
      `${dataDir} belongs to broker ${stored.brokerId}, this is broker ${brokerId}.`,
    );
  }
}

function metaFile(fileSystem: FileSystem, dataDir: string): DurableJsonFile<MetaDocument> {
  return new DurableJsonFile(fileSystem, join(dataDir, FILE_NAME), 1);
}
