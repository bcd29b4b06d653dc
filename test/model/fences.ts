/**
 * The rules that keep acknowledged records, one switch each. A model without one of them must find
 * a violation: else the rule is not needed, or the model does not see what it is for.
 */
export interface Fences {
  /** A leader answers a fetch of its own leader epoch alone. */
  readonly epochOnFetch: boolean;
  /** Epochs of the same number are the same only if their election ids are. */
  readonly electionIds: boolean;
  /** A follower cuts what its leader does not have before it takes records from it. */
  readonly truncationBeforeFetch: boolean;
  /** A follower takes an answer only in the epoch, and at the log end, that it asked with. */
  readonly answerOfThisEpoch: boolean;
  /** The high watermark is the least of the synced ends, not of the log ends. */
  readonly syncedEnds: boolean;
  /** An ISR that was proposed counts from then on, until what became of it is known. */
  readonly maximalIsr: boolean;
  /** What became of it is known with a change of the partition, not with any later metadata. */
  readonly proposalUntilSettled: boolean;
  /** The high watermark stands still while the ISR is smaller than min.insync.replicas. */
  readonly minInsyncGate: boolean;
  /** A lower min.insync.replicas counts once a majority of the brokers has it on disk. */
  readonly loweredMinInsync: boolean;
  /** Replicas leave with a new leader epoch, also where the leader stays. */
  readonly leavingEpoch: boolean;
  /** A former member counts until the whole ISR has the change that removed it on disk. */
  readonly journaledGate: boolean;
  /** A joiner is taken only as the process that was seen to have caught up. */
  readonly joinerBrokerEpoch: boolean;
  /** A joiner has the leader's high watermark and the start of its epoch. */
  readonly joinerCaughtUp: boolean;
  /** What a new process was the leader of gets another epoch. */
  readonly registrationRaisesEpoch: boolean;
  /** A replaced disk leaves the ISR with its registration. */
  readonly replacedDiskLeavesIsr: boolean;
  /** Metadata is on a broker's disk before the broker acts by it. */
  readonly journalFirst: boolean;
  /** A Redis process takes no commit before the line was confirmed to be whole, or was rebuilt. */
  readonly redisProcess: boolean;
  /** A rebuild needs a majority of the brokers. */
  readonly rebuildMajority: boolean;
  /** A rebuild needs RF - min.insync.replicas + 1 replicas of a partition to say who leads it. */
  readonly rebuildReplicas: boolean;
  /** A disk that was not the registered one when the newest view was made has no say. */
  readonly rebuildVotersDisk: boolean;
  /** Leader epochs of a rebuild are above all that anybody can have seen, voter or not. */
  readonly rebuildEpochs: boolean;
  /** A rebuild leaves a leader its epoch only where all replicas are voters. */
  readonly rebuildLeavesEpoch: boolean;
  /** Versions after a rebuild are above all that anybody can have seen, voter or not. */
  readonly rebuildNumbers: boolean;
  /** Who takes part in a rebuild writes its number down first. */
  readonly rebuildPromises: boolean;
}

export const ALL_FENCES: Fences = {
  epochOnFetch: true,
  electionIds: true,
  truncationBeforeFetch: true,
  answerOfThisEpoch: true,
  syncedEnds: true,
  maximalIsr: true,
  proposalUntilSettled: true,
  minInsyncGate: true,
  loweredMinInsync: true,
  leavingEpoch: true,
  journaledGate: true,
  joinerBrokerEpoch: true,
  joinerCaughtUp: true,
  registrationRaisesEpoch: true,
  replacedDiskLeavesIsr: true,
  journalFirst: true,
  redisProcess: true,
  rebuildMajority: true,
  rebuildReplicas: true,
  rebuildVotersDisk: true,
  rebuildEpochs: true,
  rebuildLeavesEpoch: true,
  rebuildNumbers: true,
  rebuildPromises: true,
};

export type Fence = keyof Fences;

export function without(...fences: Fence[]): Fences {
  const some: Record<Fence, boolean> = { ...ALL_FENCES };
  for (const fence of fences) some[fence] = false;
  return some;
}
