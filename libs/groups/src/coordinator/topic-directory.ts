import type { Partition } from '#replication';

/** The parts of the cluster's topics that coordinators need. */
export interface TopicDirectory {
  topic(name: string): TopicView | undefined;
  /** Names of all topics. */
  names(): Iterable<string>;
  /** Creates the offsets topic if it does not exist. */
  ensureOffsetsTopic(): Promise<void>;
}

export interface TopicView {
  readonly id: string;
  readonly partitionCount: number;
  /** The partition, or undefined when this broker does not lead it. */
  ledPartition(partition: number): Partition | undefined;
}
