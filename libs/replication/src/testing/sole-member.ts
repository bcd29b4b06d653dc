import type { Clock } from '#runtime';
import type { ClusterMember } from '../partition.js';

/** A broker whose metadata are its own, as a partition knows it. */
export function soleMember(clock: Clock): ClusterMember {
  return {
    brokerId: 0,
    clock,
    isMetadataShared: false,
    journaledVersion: () => 0,
    onLogEnd: () => undefined,
  };
}
