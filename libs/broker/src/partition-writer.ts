import type { ProtocolError } from '#protocol';
import type { ProduceEntry } from './pending-produce.js';
import type { Topic } from './topic.js';

/** Writes what has gathered for a partition to its leader, wherever that is. */
export interface PartitionWriter {
  /** Why an entry is refused before it is queued; undefined: it is not. */
  refusal(topic: Topic, entry: ProduceEntry): ProtocolError | undefined;
  /**
   * Writes entries of one partition together and tells each its result. Never rejects; settles when the
   * next entries of the partition may be written. Calls for one partition may overlap only within
   * one turn of the event loop, and are written in their order.
   */
  write(topic: Topic, partition: number, entries: readonly ProduceEntry[]): Promise<void>;
}
