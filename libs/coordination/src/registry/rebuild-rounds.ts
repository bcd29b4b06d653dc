/**
 * The rounds in which the brokers of a cluster rebuild what a registry has lost: the metadata of
 * topics, or that of security. Each call is one atomic operation.
 */

/** One attempt to rebuild the registry from the brokers' journals. */
export interface RebuildRound {
  /** Number of the round; higher than that of all rebuilds that any participant knows. */
  readonly number: number;
  /** Random id; distinguishes it from a round of the same number that the registry has lost. */
  readonly id: string;
}

/** @typeParam View what a broker publishes to a round */
export interface RebuildRounds<View> {
  /** The rebuild that was begun in the present process of the registry; undefined: none. */
  current(): Promise<RebuildRound | undefined>;
  /**
   * Begins a round in place of `before`; no commit is accepted until it has ended. Does nothing
   * when there is another round, or another confirmation than the given one.
   */
  begin(
    before: RebuildRound | undefined,
    confirmedBefore: string | undefined,
    round: RebuildRound,
  ): Promise<void>;
  /** Publishes the view of a broker; does nothing when another round is in progress. */
  publish(round: RebuildRound, brokerId: number, view: View): Promise<void>;
  /** Views published to this round; empty when it is not in progress. */
  views(round: RebuildRound): Promise<readonly View[]>;
  /** Brokers that an operator has excluded: a rebuild does not wait for them. */
  givenUpBrokers(): Promise<readonly number[]>;
}
