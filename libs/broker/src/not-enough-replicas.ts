import { ProtocolError } from '#protocol';
import type { Partition } from '#replication';

/** Why a write with acks=all is not begun. */
export function notEnoughReplicas(partition: Partition): ProtocolError {
  const { isr } = partition.metadata;
  const required = partition.minInsyncReplicas;
  return new ProtocolError(
    'NOT_ENOUGH_REPLICAS',
    `${isr.length} of the ${required} replicas that must be in sync are.`,
    { retryAfterMs: 1000 },
  );
}
