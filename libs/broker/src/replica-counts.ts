import type { ClusterState } from '#coordination';
import { isInternalTopic, ProtocolError } from '#protocol';

/** Bounds on the replicas of a broker. */
export interface ReplicaLimits {
  /** Replicas that one broker keeps, without those of the cluster's own topics. */
  readonly partitionsPerBrokerMax: number;
  readonly brokerId: number;
  /**
   * Segment files that this broker can keep open by its limit of descriptors; undefined when the
   * system does not say. The limits of other brokers are not known.
   */
  readonly partitionFilesMax?: number | undefined;
}

/**
 * Checks that no broker would keep more replicas than it may with these new ones. Replicas that a
 * reassignment adds are counted as well; those of the cluster's own topics are not.
 * @param added broker ids of each new partition, or of the replicas that one partition is given
 * @throws ProtocolError POLICY_VIOLATION
 */
export function assertBrokersHaveRoom(
  state: ClusterState,
  added: readonly (readonly number[])[],
  limits: ReplicaLimits,
): void {
  const { partitionsPerBrokerMax: replicasMax, partitionFilesMax, brokerId } = limits;
  const addedTo = new Set(added.flat());
  if (addedTo.size === 0) return;
  const counts = presentReplicas(state);
  for (const id of added.flat()) counts.set(id, (counts.get(id) ?? 0) + 1);
  for (const id of addedTo) {
    const replicas = counts.get(id) ?? 0;
    if (id === brokerId && partitionFilesMax !== undefined && replicas > partitionFilesMax) {
      const sentence =
        `Each partition keeps a file open, and broker ${id} may keep ${partitionFilesMax} of its ` +
        `open files for them; it would keep ${replicas} partitions`;
      throw policyViolation(sentence, 'ulimit -n');
    }
    if (replicas <= replicasMax) continue;
    const sentence =
      `A broker keeps at most ${replicasMax} replicas of partitions, ` +
      `broker ${id} would keep ${replicas}`;
    throw policyViolation(sentence, 'SLUICE_PARTITIONS_PER_BROKER_MAX');
  }
}

/** @param bound the setting or limit of the system that says the bound */
export function policyViolation(sentence: string, bound: string): ProtocolError {
  return new ProtocolError('POLICY_VIOLATION', `${sentence} (${bound}).`, { bound });
}

/** Replicas that each broker keeps or is being given, by broker id. */
function presentReplicas(state: ClusterState): Map<number, number> {
  const counts = new Map<number, number>();
  for (const topic of state.topics.values()) {
    if (isInternalTopic(topic.name)) continue;
    for (const { replicas, reassignment } of topic.partitions) {
      const targetReplicas = new Set([...replicas, ...(reassignment?.to ?? [])]);
      for (const id of targetReplicas) counts.set(id, (counts.get(id) ?? 0) + 1);
    }
  }
  return counts;
}
