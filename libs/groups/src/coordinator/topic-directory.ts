import type { LeaderEpoch } from '#protocol';
import type { Partition } from '#replication';
import type { TopicShape } from '../state/decision.js';

/** The parts of the cluster's topics that coordinators need. */
export interface TopicDirectory {
  topic(name: string): TopicView | undefined;
  /** Names of all topics. */
  names(): Iterable<string>;
  /** Creates the offsets topic if it does not exist. */
  ensureOffsetsTopic(): Promise<void>;
}

export interface TopicView extends TopicShape {
  /** Leader epoch of each partition. */
  readonly leaderEpochs: readonly LeaderEpoch[];
  /** The partition, or undefined when this broker does not lead it. */
  ledPartition(partition: number): Partition | undefined;
}
