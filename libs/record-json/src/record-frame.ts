/**
 * Form of keys and values; null is null in each, and header values are as in `default`.
 *
 * - `default`: JSON that was sent as JSON; everything else as a string, or base64 when not UTF-8.
 * - `json`: the stored bytes as JSON; base64 when they are not JSON. `value` is always the stored
 *   JSON, and a record with other bytes does not block the others.
 * - `string`: the stored bytes as a string, JSON too; base64 when they are not UTF-8.
 * - `base64`: the stored bytes in base64.
 */
export type RecordFormat = 'default' | 'json' | 'string' | 'base64';

/** Values shared by all records written together. */
export interface RecordFrame {
  readonly topic: string;
  readonly partition: number;
  readonly format: RecordFormat;
  /**
   * `array`: separated by commas; `lines`: each ended by a newline, the only ones in the output.
   */
  readonly framing: 'array' | 'lines';
}

/** The records of an output in their order. */
export interface WrittenRecords {
  readonly offsets: number[];
  /** Bytes of the output after each record. */
  readonly ends: number[];
}
