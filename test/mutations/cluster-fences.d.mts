/** One place in a file of libs/, which must stand there exactly once, and what is put there. */
export interface Edit {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** A fence of a cluster, with how it is taken out and who must see that. */
export interface Fence extends Edit {
  readonly name: string;
  readonly also?: readonly Edit[];
  /** Number of the rule in docs/REPLICATION-SAFETY.md. */
  readonly rule: string;
  /** Words in the names of the killer sequences that fail. */
  readonly killers?: readonly string[];
  /** Within so many seeds, from 1 on, the simulation fails. */
  readonly seeds?: number;
  /** Files, from the root, of which one fails; for what no run of a cluster can see. */
  readonly tests?: readonly string[];
}

export const CLUSTER_FENCES: readonly Fence[];
