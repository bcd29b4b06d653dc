import { type Offset, type TopicPartition, topicPartitionName } from '#protocol';
import type { ReplicaEnd, ReplicaManager } from '#replication';

/** Log offsets of a partition at its leader. */
export interface LeaderStatus extends TopicPartition {
  readonly logStartOffset: Offset;
  readonly highWatermark: Offset;
  readonly logEndOffset: Offset;
  readonly sizeBytes: number;
  /** Log end of each replica, when it was requested. */
  readonly replicas?: readonly ReplicaEnd[];
}

export interface StatusOptions {
  readonly withReplicas?: boolean;
}

/** Statuses of the partitions among these that this broker leads. */
export function ledStatuses(
  replicas: ReplicaManager,
  partitions: readonly TopicPartition[],
  { withReplicas = false }: StatusOptions = {},
): LeaderStatus[] {
  const statuses: LeaderStatus[] = [];
  for (const { topic, partition } of partitions) {
    const led = replicas.table.partition(topic, partition);
    if (led?.isLeader !== true) continue;
    const { logStart: logStartOffset, logEnd: logEndOffset } = led.log.offsets;
    const { sizeBytes } = led.log;
    const { highWatermark } = led;
    const status = { topic, partition, logStartOffset, highWatermark, logEndOffset, sizeBytes };
    statuses.push(withReplicas ? { ...status, replicas: led.replicaEnds() } : status);
  }
  return statuses;
}

export function byPartition(statuses: readonly LeaderStatus[]): Map<string, LeaderStatus> {
  return new Map(statuses.map((status) => [topicPartitionName(status), status]));
}
