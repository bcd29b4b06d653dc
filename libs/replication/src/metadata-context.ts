/** What a replica goes by beside the state of its own partition, always of the same metadata. */
import { minInsyncReplicas, type PartitionMetadata, type TopicMetadata } from '#coordination';

export interface MetadataContext {
  /** Of the metadata. */
  readonly version: number;
  /** As leaders go by it; undefined: as the log's config says. */
  readonly minInsyncReplicas?: number;
}

export const NO_CONTEXT: MetadataContext = { version: 0 };

export function contextOf(
  topic: TopicMetadata,
  metadata: PartitionMetadata,
  version: number,
): MetadataContext {
  return { version, minInsyncReplicas: minInsyncReplicas(topic, metadata) };
}
