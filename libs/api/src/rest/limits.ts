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
/** Records in flight in an answer. */
export const IN_FLIGHT_LIST_DEFAULT = 100;
export const IN_FLIGHT_LIST_MAX = 1000;
/** Partitions that the id of one event can hold. */
export const EVENT_PARTITIONS_MAX = 64;
/** Time in which a member of a group releases revoked partitions. */
export const MAX_POLL_INTERVAL_MS_DEFAULT = 300_000;

/** Longest delay of a nack, in ms: twelve hours. */
export const DELAY_MS_MAX = 43_200_000;
/** Characters of the id of a poll. */
export const RECEIVE_ID_LENGTH_MAX = 255;
/** Characters of the reason of a nack or a reject. */
export const REASON_LENGTH_MAX = 256;

/** Rules of one request that adds some. */
export const ACLS_PER_REQUEST_MAX = 1000;

/** Groups of one principal. */
export const CALLER_GROUPS_MAX = 64;

/** Longest time for which two secrets of an API key are valid, in seconds: 90 days. */
export const KEY_OVERLAP_SECONDS_MAX = 90 * 24 * 60 * 60;

/** Entries of one page of keys or rules. */
export const SECURITY_LIST_DEFAULT = 100;
export const SECURITY_LIST_MAX = 1000;
