import { ProtocolError } from '#protocol';
import type { Partition } from '#replication';

/** The refusal of a write with acks=all while too few replicas are in sync. */
export function notEnoughReplicasError(partition: Partition): ProtocolError {
  const { isr } = partition.metadata;
  const required = partition.minInsyncReplicas;
  return new ProtocolError(
    'NOT_ENOUGH_REPLICAS',
    `Only ${isr.length} of the ${required} replicas that must be in sync are in sync.`,
  );
}
