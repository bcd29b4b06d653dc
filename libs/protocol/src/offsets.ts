/**
 * Offsets are JavaScript numbers (2^53 is enough), with one branded type per kind of position, so
 * that a log end offset cannot be passed as a high watermark. On disk they are int64.
 */
declare const brand: unique symbol;
type Branded<Kind extends string> = number & { readonly [brand]: Kind };

/** The position of a record in its partition, counted from 0. */
export type Offset = number;
/** First offset that may still be read. */
export type LogStartOffset = Branded<'log start offset'>;
/** Offset of the next record to be appended. */
export type LogEndOffset = Branded<'log end offset'>;
/** First offset that is not known to be synced to disk; `<= LogEndOffset`. */
export type SyncedEndOffset = Branded<'synced end offset'>;
/** First offset that is not committed; readers only see offsets below it. */
export type HighWatermark = Branded<'high watermark'>;

/** Number of an election of a partition's leader; it only rises. */
export type LeaderEpoch = number;

/** A partition of a topic. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** Kafka's name for a partition's directory and for log lines: `topic-0`. */
export function topicPartitionName(tp: TopicPartition): string {
  return `${tp.topic}-${tp.partition}`;
}
