import type { ReceivedRecord } from '../received-record.js';
import type { OwnedPartition } from './owned-partition.js';

/** Records of a batch that the program has, with their partition. */
export interface TakenRun<K, V> {
  readonly owned: OwnedPartition;
  readonly records: readonly ReceivedRecord<K, V>[];
  readonly highWatermark: number;
}
