import type { Position, RecordJson, TopicPartition } from '../received-record.js';

/** The group's side of a consumer, as its link reports it. */
export interface LinkEvents {
  /**
   * The partitions that the member has now. Those that it had before stay as they are.
   * @param isComplete true: it has no others
   */
  assigned(partitions: readonly (TopicPartition | Position)[], isComplete: boolean): void;
  /** Partitions will move once the consumer answers with `release`. */
  revoking(partitions: readonly TopicPartition[]): void;
  /** Partitions have moved; undefined: all of them. */
  lost(partitions: readonly TopicPartition[] | undefined, reason: unknown): void;
  /** Consecutive records of a partition. */
  records(target: TopicPartition, records: readonly RecordJson[], details: RunDetails): void;
  /** The position of a partition was no longer in the log: reading continues at another one. */
  moved(position: Position): void;
  /** Reading continues where the program wants it: what has arrived of the partition is void. */
  sought(position: Position): void;
  /** The membership is over. */
  failed(error: unknown): void;
}

export interface RunDetails {
  readonly highWatermark: number;
  readonly leaderEpoch?: number | undefined;
}

/** The transport of a member of a group in stream mode. It joins when it is made. */
export interface GroupLink {
  commit(offsets: readonly Position[], signal?: AbortSignal): Promise<void>;
  /** Resolves when only records from the position on arrive. */
  seek(position: Position): Promise<void>;
  /** The consumer has finished with revoked partitions. */
  release(partitions: readonly TopicPartition[]): void;
  /** The program has read records: there is room for others. */
  read(): void;
  /** Leaves the group. Never rejects. */
  close(): Promise<void>;
}
