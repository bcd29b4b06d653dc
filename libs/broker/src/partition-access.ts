import type { OffsetRange } from '#log';
import type { Offset, TopicPartition } from '#protocol';
import type { FetchRequest, FetchResult, ListedOffset, OffsetSpec } from './broker.js';

/** What is asked of one partition beside writing to it, wherever its leader is. See `Broker`. */
export interface PartitionAccess {
  fetch(request: FetchRequest): Promise<FetchResult>;
  listOffset(target: TopicPartition, at: OffsetSpec): Promise<ListedOffset>;
  /** @returns the log start offset */
  deleteRecords(target: TopicPartition, beforeOffset: Offset): Promise<Offset>;
  giveUpLostRecords(target: TopicPartition, lost: OffsetRange): Promise<void>;
}
