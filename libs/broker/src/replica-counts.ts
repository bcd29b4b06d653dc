import type { ClusterState } from '#coordination';
import { isInternalTopic, ProtocolError } from '#protocol';

/**
 * Checks that no broker would keep more than `replicasMax` replicas with these new ones. Replicas
 * that a reassignment adds are counted as well; those of the cluster's own topics are not.
 * @param added broker ids of each new partition, or of the replicas that one partition is given
 * @throws ProtocolError POLICY_VIOLATION
 */
export function assertBrokersHaveRoom(
  state: ClusterState,
  added: readonly (readonly number[])[],
  replicasMax: number,
): void {
  const addedTo = new Set(added.flat());
  if (addedTo.size === 0) return;
  const counts = presentReplicas(state);
  for (const id of added.flat()) counts.set(id, (counts.get(id) ?? 0) + 1);
  for (const id of addedTo) {
    const replicas = counts.get(id) ?? 0;
    if (replicas <= replicasMax) continue;
    const sentence =
      `A broker keeps at most ${replicasMax} replicas of partitions, ` +
      `broker ${id} would keep ${replicas}`;
    throw policyViolation(sentence, 'SLUICE_PARTITIONS_PER_BROKER_MAX');
  }
}

/** @param bound the setting that says the bound */
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
