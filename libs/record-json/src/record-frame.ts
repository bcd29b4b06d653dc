/**
 * Form of keys and values; null is null in each, and header values are as in `default`.
 *
 * - `default`: JSON that was sent as JSON; everything else as a string, or base64 when not UTF-8.
 * - `json`: the stored bytes as JSON; base64 when they are not JSON. `value` is always the stored
 *   JSON, and a record with other bytes does not block the others.
 * - `string`: the stored bytes as a string, JSON too; base64 when they are not UTF-8.
 * - `base64`: the stored bytes in base64.
 * - `base64-key`, `base64-value`: `base64` for that field, `default` for the other one.
 */
export type RecordFormat = FieldFormat | 'base64-key' | 'base64-value';

/** Form of one field of a record. */
export type FieldFormat = 'default' | 'json' | 'string' | 'base64';

/** The formats as callers name them; `auto` is the default one. */
export const FORMAT_NAMES = [
  'auto',
  'json',
  'string',
  'base64',
  'base64-key',
  'base64-value',
] as const;

/** Returns the format that a caller names. */
export function recordFormat(name: (typeof FORMAT_NAMES)[number] | undefined): RecordFormat {
  return name === undefined || name === 'auto' ? 'default' : name;
}

/** Returns the form of one field of the records of a format. */
export function fieldFormat(format: RecordFormat, field: 'key' | 'value'): FieldFormat {
  if (format !== 'base64-key' && format !== 'base64-value') return format;
  return format === `base64-${field}` ? 'base64' : 'default';
}

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
