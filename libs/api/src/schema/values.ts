/** JSON Schemas of common values, for the OpenAPI and AsyncAPI documents. */

import { nullable } from './json-schema.js';

/** Largest 32-bit integer, as Kafka counts partitions. */
export const INT32_MAX = 2 ** 31 - 1;
const INT64 = { type: 'integer', format: 'int64' } as const;

/** An offset, a number of records or bytes, or another whole number that may need 53 bits. */
export const OFFSET = { ...INT64, minimum: 0, maximum: Number.MAX_SAFE_INTEGER } as const;

/** An offset that may be unknown. */
export const NULLABLE_OFFSET = nullable(OFFSET);

/** Milliseconds since the epoch. A log written by other software may have negative ones. */
export const TIMESTAMP = INT64;

/** A partition of a topic. */
export const PARTITION = {
  type: 'integer',
  format: 'int32',
  minimum: 0,
  maximum: INT32_MAX,
} as const;

/** The id of a broker. */
export const BROKER_ID = { ...PARTITION } as const;

/** A leader epoch. */
export const LEADER_EPOCH = { ...PARTITION } as const;

/** A leader epoch that may be unknown. */
export const NULLABLE_LEADER_EPOCH = nullable(LEADER_EPOCH);

/** A number of things in the memory of a process. */
export const COUNT = { type: 'integer', format: 'int32', minimum: 0 } as const;

/** The epoch of a producer. */
/** Token of an idempotent producer. */
export const PRODUCER_TOKEN = { type: 'string', minLength: 1, maxLength: 100 } as const;

export const PRODUCER_EPOCH = {
  type: 'integer',
  format: 'int32',
  minimum: 0,
  maximum: 2 ** 15 - 1,
} as const;
