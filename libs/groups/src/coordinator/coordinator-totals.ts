/** Counters of coordinators since the start. They continue when a coordinator is closed. */
export interface CoordinatorTotals {
  /** Changes of members and assignments. */
  rebalances: number;
  /** Assignments computed. */
  generations: number;
  /** Members removed because their session was over. */
  sessionsOver: number;
  /** Offsets committed, those of new positions included. */
  offsetsCommitted: number;
}

export function zeroTotals(): CoordinatorTotals {
  return { rebalances: 0, generations: 0, sessionsOver: 0, offsetsCommitted: 0 };
}
