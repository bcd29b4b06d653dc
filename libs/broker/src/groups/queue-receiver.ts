import type { RecordBatch } from '#log';
import type { LeaderEpoch, Offset, TopicPartition } from '#protocol';

/** Records of one partition, as batches that the transport renders. */
export interface QueueRead extends TopicPartition {
  readonly highWatermark: Offset;
  readonly leaderEpoch: LeaderEpoch | null;
  readonly batches: readonly RecordBatch[];
  /** The records to answer, by offset; the batches have others, too. */
  readonly records: readonly { readonly offset: Offset; readonly deliveryCount: number }[];
}

/** A member of a queue group that records are delivered to. */
export interface QueueReceiver {
  readonly memberId: string;
  /** Records that the member may get now. */
  room(): number;
  /**
   * Takes records that the member has under lock. Never rejects.
   * @param lockMs time that the locks last
   */
  receive(reads: readonly QueueRead[], lockMs: number): Promise<void>;
  /** Called with the group's generation: another one than before may have another assignment. */
  inGeneration(generation: number): void;
  /** The group does not have the member, or no longer has it. */
  unknown(): void;
}

/** The delivery to one member. */
export interface QueueDelivering {
  /** The member has more room than before. */
  roomAgain(): void;
  /** Nothing is delivered to the member any more. */
  end(): void;
}
