/** Values that a replica uses besides its partition's state; both come from the same metadata. */
import { minInsyncReplicas, type PartitionMetadata, type TopicMetadata } from '#coordination';

export interface MetadataContext {
  /** Version of the metadata. */
  readonly version: number;
  /** The min.insync.replicas that leaders apply; undefined: the log's config applies. */
  readonly minInsyncReplicas?: number;
}

export const EMPTY_CONTEXT: MetadataContext = { version: 0 };

export function contextOf(
  topic: TopicMetadata,
  metadata: PartitionMetadata,
  version: number,
): MetadataContext {
  return { version, minInsyncReplicas: minInsyncReplicas(topic, metadata) };
}
