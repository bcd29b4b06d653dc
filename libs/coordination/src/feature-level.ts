import type { ClusterState } from './cluster-state.js';

/**
 * Features that brokers must have before any of them uses them, by the level that brings them. A
 * broker registers with its level; one of an earlier version has none, which is level 0.
 */
const FEATURE_LEVELS = {
  /** Members, assignments and queues of consumer groups, as records of the offsets topic. */
  groups: 1,
} as const;

/** Level of this version. */
export const FEATURE_LEVEL = 1;

/** Id of an alive broker whose version lacks a feature; undefined when all have it. */
export function brokerWithout(
  { brokers }: Pick<ClusterState, 'brokers'>,
  feature: keyof typeof FEATURE_LEVELS,
): number | undefined {
  for (const { id, alive, featureLevel = 0 } of brokers.values()) {
    if (alive && featureLevel < FEATURE_LEVELS[feature]) return id;
  }
  return undefined;
}
