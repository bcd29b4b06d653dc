/**
 * The rules that protect acknowledged records, one switch each. A model without one of them must
 * find a violation; otherwise the rule is not needed, or the model does not cover its purpose.
 */
export interface Fences {
  /** A leader answers only fetches of its own leader epoch. */
  readonly epochOnFetch: boolean;
  /** Equal epochs count as the same only with equal election ids. */
  readonly electionIds: boolean;
  /** A follower truncates its log to the common part before it accepts records of a leader. */
  readonly truncationBeforeFetch: boolean;
  /** A follower accepts an answer only in the epoch, and at the log end, of its request. */
  readonly answerOfThisEpoch: boolean;
  /** The high watermark is the minimum of the synced ends, not of the log ends. */
  readonly syncedEnds: boolean;
  /** A proposed ISR counts from the proposal on, until its outcome is known. */
  readonly maximalIsr: boolean;
  /** The outcome is known with a change of the partition, not with any later metadata. */
  readonly proposalUntilSettled: boolean;
  /** The high watermark does not move while the ISR is smaller than min.insync.replicas. */
  readonly minInsyncGate: boolean;
  /** A lower min.insync.replicas counts once a majority of the brokers has it on disk. */
  readonly loweredMinInsync: boolean;
  /** Replicas leave with a new leader epoch, also when the leader stays. */
  readonly leavingEpoch: boolean;
  /** A removed member counts until the whole ISR has the removal on disk. */
  readonly journaledGate: boolean;
  /** A joiner is accepted only as the process that was seen to have caught up. */
  readonly joinerBrokerEpoch: boolean;
  /** A joiner has the leader's high watermark and the start of its epoch. */
  readonly joinerCaughtUp: boolean;
  /** Partitions that an earlier process led get a new epoch when a process registers. */
  readonly registrationRaisesEpoch: boolean;
  /** A replaced disk leaves the ISR with its registration. */
  readonly replacedDiskLeavesIsr: boolean;
  /** Metadata is on a broker's disk before the broker acts on it. */
  readonly journalFirst: boolean;
  /** A Redis process accepts no commit before the line was confirmed or rebuilt. */
  readonly redisProcess: boolean;
  /** A rebuild needs a majority of the brokers. */
  readonly rebuildMajority: boolean;
  /** A rebuild needs RF - min.insync.replicas + 1 replicas of a partition to choose its leader. */
  readonly rebuildReplicas: boolean;
  /** A disk that is not the registered one in the newest view has no vote. */
  readonly rebuildVotersDisk: boolean;
  /** Leader epochs of a rebuild are above all that any broker can know, voter or not. */
  readonly rebuildEpochs: boolean;
  /** A rebuild lets a leader keep its epoch only when all replicas are voters. */
  readonly rebuildLeavesEpoch: boolean;
  /** Versions after a rebuild are above all that any broker can know, voter or not. */
  readonly rebuildNumbers: boolean;
  /** A participant of a rebuild journals its number first. */
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
