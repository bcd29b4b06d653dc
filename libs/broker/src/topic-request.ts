/**
 * Checks of the topic requests of clients: pure functions that report all faults of a request at
 * once.
 */
import {
  checkTopicConfig,
  FaultList,
  isTopicConfigKey,
  ProtocolError,
  type TopicConfigKey,
  type TopicConfigOverrides,
} from '#protocol';
import type { CreateTopicRequest } from './broker.js';

const DEFAULT_REPLICATION_FACTOR_MAX = 3;

/**
 * Applies config changes to a topic's overrides; a null value takes an override back.
 * @throws ProtocolError INVALID_CONFIG, a fault for each bad one
 */
export function changedConfigs(
  overrides: TopicConfigOverrides,
  changes: Readonly<Record<string, unknown>>,
  replicationFactor: number,
): TopicConfigOverrides {
  const configs: Partial<Record<TopicConfigKey, string>> = { ...overrides };
  const faults = new FaultList();
  for (const [key, value] of Object.entries(changes)) {
    const pointer = `/configs/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    if (!isTopicConfigKey(key)) {
      faults.add(pointer, `there is no topic config "${key}"`);
    } else if (value === null) {
      delete configs[key];
    } else {
      const checked = checkTopicConfig(key, value);
      if (checked.ok) configs[key] = checked.text;
      else faults.add(pointer, `${key} accepts ${checked.accepts}`);
    }
  }
  const minInsync = Number(configs['min.insync.replicas'] ?? 1);
  if (minInsync > replicationFactor) {
    faults.add(
      '/configs/min.insync.replicas',
      `min.insync.replicas is ${minInsync}, ` +
        `more than the ${replicationFactor} replica${replicationFactor === 1 ? '' : 's'}`,
    );
  }
  const isCompacted = configs['cleanup.policy']?.includes('compact') === true;
  if (isCompacted && configs['sluice.delete.on.ack'] === 'true') {
    faults.add(
      '/configs/sluice.delete.on.ack',
      'sluice.delete.on.ack needs a cleanup.policy of "delete": compaction keeps the newest ' +
        'record of each key, whoever has acknowledged it',
    );
  }
  if (faults.count > 0) throw faulty('INVALID_CONFIG', faults);
  return configs;
}

/**
 * A new topic's number of partitions and replicas, and the brokers of each partition if the
 * request names them.
 */
export interface TopicShape {
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly assignment: readonly (readonly number[])[] | undefined;
}

/**
 * The shape of a topic to be created.
 * @throws ProtocolError INVALID_PARTITIONS, INVALID_REPLICATION_FACTOR, INVALID_REQUEST
 */
export function topicShape(request: CreateTopicRequest, brokerIds: readonly number[]): TopicShape {
  const { replicaAssignment: assignment } = request;
  if (assignment !== undefined) assertAssignment(request, assignment, brokerIds);
  const partitions = request.partitions ?? assignment?.length ?? 1;
  assertPartitionCount(partitions);
  const replicationFactor =
    request.replicationFactor ??
    assignment?.[0]?.length ??
    Math.min(DEFAULT_REPLICATION_FACTOR_MAX, brokerIds.length);
  if (!isCount(replicationFactor) || replicationFactor > brokerIds.length) {
    const faults = new FaultList();
    faults.add(
      '/replicationFactor',
      `a topic has 1 to ${brokerIds.length} replicas, because the cluster has ` +
        `${brokerIds.length} broker${brokerIds.length === 1 ? '' : 's'}; not ${replicationFactor}`,
    );
    throw faulty('INVALID_REPLICATION_FACTOR', faults);
  }
  return { partitions, replicationFactor, assignment };
}

/** @throws ProtocolError INVALID_PARTITIONS */
export function assertPartitionCount(partitions: number): void {
  if (isCount(partitions)) return;
  const faults = new FaultList();
  faults.add('/partitions', `a topic has at least 1 partition, not ${partitions}`);
  throw faulty('INVALID_PARTITIONS', faults);
}

function assertAssignment(
  request: CreateTopicRequest,
  assignment: readonly (readonly number[])[],
  brokerIds: readonly number[],
): void {
  const faults = new FaultList();
  const fault = (pointer: string, detail: string): void => faults.add(pointer, detail);
  const replicas = assignment[0]?.length ?? 0;
  if (assignment.length === 0) fault('/replicaAssignment', 'it assigns no partition');
  if (request.partitions !== undefined && request.partitions !== assignment.length) {
    fault('/partitions', `replicaAssignment has ${assignment.length} partitions`);
  }
  if (request.replicationFactor !== undefined && request.replicationFactor !== replicas) {
    fault('/replicationFactor', `replicaAssignment has ${replicas} replicas per partition`);
  }
  for (const [partition, ids] of assignment.entries()) {
    const pointer = `/replicaAssignment/${partition}`;
    if (ids.length === 0) fault(pointer, 'a partition has at least one replica');
    else if (ids.length !== replicas)
      fault(pointer, 'partitions have different numbers of replicas');
    if (new Set(ids).size !== ids.length) fault(pointer, 'names a broker twice');
    for (const id of ids) {
      if (!brokerIds.includes(id)) fault(pointer, `the cluster has no broker ${id}`);
    }
  }
  if (faults.count > 0) throw faulty('INVALID_REQUEST', faults);
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 1;
}

function faulty(
  code: 'INVALID_CONFIG' | 'INVALID_PARTITIONS' | 'INVALID_REPLICATION_FACTOR' | 'INVALID_REQUEST',
  faults: FaultList,
): ProtocolError {
  return new ProtocolError(code, `${faults.sentence}.`, faults.asOptions);
}
