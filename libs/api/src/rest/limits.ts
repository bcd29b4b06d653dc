/** Bounds and defaults of produce, fetch and events that are part of the contract. */

/** Records of one answer of a fetch. */
export const FETCH_LIMIT_DEFAULT = 500;
/** Bytes of one answer of a fetch. */
export const FETCH_BYTES_DEFAULT = 1024 * 1024;
/** Bytes of one answer in JSON, which is built in memory; a stream has no such limit. */
export const FETCH_BYTES_MAX = 64 * 1024 * 1024;
/** Longest wait of a long poll. */
export const FETCH_WAIT_MS_MAX = 60_000;
/** Time for a produce to be acknowledged. */
export const PRODUCE_TIMEOUT_MS_DEFAULT = 30_000;
/** Groups in one page of the list. */
export const GROUP_LIST_DEFAULT = 100;
export const GROUP_LIST_MAX = 1000;
/** Partitions that the id of one event can hold. */
export const EVENT_PARTITIONS_MAX = 64;
/** Time in which a member of a group releases revoked partitions. */
export const MAX_POLL_INTERVAL_MS_DEFAULT = 300_000;
