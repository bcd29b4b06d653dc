export type { CoordinationStore } from './coordination-store.js';
export { DataDirError } from './data-dir-error.js';
export { assertOwnDataDir } from './data-dir-identity.js';
export { EmbeddedStore } from './embedded/embedded-store.js';
export type { MetadataChange, PartitionMetadata, TopicMetadata } from './metadata.js';
export { ProducerIds } from './producer-ids.js';
