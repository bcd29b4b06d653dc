/**
 * Records of a request before they are appended to the log.
 *
 * They are kept as spans of the received bytes, not as objects: a request of a hundred small
 * records creates three objects instead of hundreds, and each value is copied once, into its batch.
 * Bytes that had to be decoded (base64, escaped strings, headers) are in `decoded`.
 *
 * Positions address `source` followed by `decoded` as one space: a position below `source.length`
 * is a position in `source`, any other is `position - source.length` in `decoded`. A span lies
 * entirely in one of the two. A null key or value has start = end = -1.
 *
 * `fields` holds RECORD_STRIDE numbers per record, at the FIELD_* indexes.
 */
export interface RecordSet {
  readonly source: Uint8Array;
  readonly decoded: Uint8Array;
  readonly count: number;
  readonly fields: readonly number[];
  /** Delayed records by their index; absent when there are none. */
  readonly delays?: ReadonlyMap<number, RecordDelay>;
}

/** The time of delivery of a record; it is in the header DELIVER_AT_HEADER, too. */
export interface RecordDelay {
  /** Milliseconds since the epoch. */
  readonly deliverAtMs: number;
  /** Pointer from the record to the member that the producer sent. */
  readonly member: string;
}

/**
 * Header of a delayed record: the time before which queue groups do not deliver it, in decimal
 * milliseconds since the epoch.
 */
export const DELIVER_AT_HEADER = 'sluice.deliver.at';

export const RECORD_STRIDE = 10;
export const FIELD_VALUE_START = 0;
export const FIELD_VALUE_END = 1;
export const FIELD_KEY_START = 2;
export const FIELD_KEY_END = 3;
/**
 * Headers in the format of Kafka's record, without their count: (varint length, key, varint length,
 * value)*.
 */
export const FIELD_HEADERS_START = 4;
export const FIELD_HEADERS_END = 5;
export const FIELD_HEADER_COUNT = 6;
/** The record's attributes byte: RECORD_VALUE_IS_JSON | RECORD_KEY_IS_JSON. */
export const FIELD_ATTRIBUTES = 7;
/** The partition that the producer named, or -1. */
export const FIELD_PARTITION = 8;
/** Milliseconds since the epoch; -1 means the time of the request. */
export const FIELD_TIMESTAMP = 9;

/**
 * Bit 0 of a record's attributes (always 0 in Kafka, ignored by its readers): the value is JSON
 * text.
 */
export const RECORD_VALUE_IS_JSON = 1;
/** Bit 1 of a record's attributes: the key is JSON text. */
export const RECORD_KEY_IS_JSON = 2;
