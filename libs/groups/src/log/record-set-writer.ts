import {
  FIELD_ATTRIBUTES,
  FIELD_HEADER_COUNT,
  FIELD_KEY_END,
  FIELD_KEY_START,
  FIELD_VALUE_END,
  FIELD_VALUE_START,
  RECORD_KEY_IS_JSON,
  RECORD_STRIDE,
  RECORD_VALUE_IS_JSON,
  type RecordSet,
} from '#protocol';

const NO_BYTES = new Uint8Array(0);

/** Key and value of one record as JSON texts; without a value the record removes its key. */
export interface JsonRecord {
  readonly keyText: string;
  readonly valueText: string | null;
}

/** Encodes records as one set, in their order. */
export function jsonRecordSet(records: readonly JsonRecord[]): RecordSet {
  const fields = Array.from({ length: records.length * RECORD_STRIDE }, () => -1);
  let text = '';
  let position = 0;
  let at = 0;
  for (const { keyText, valueText } of records) {
    text += keyText;
    fields[at + FIELD_KEY_START] = position;
    position += Buffer.byteLength(keyText);
    fields[at + FIELD_KEY_END] = position;
    if (valueText !== null) {
      text += valueText;
      fields[at + FIELD_VALUE_START] = position;
      position += Buffer.byteLength(valueText);
      fields[at + FIELD_VALUE_END] = position;
    }
    fields[at + FIELD_HEADER_COUNT] = 0;
    fields[at + FIELD_ATTRIBUTES] =
      RECORD_KEY_IS_JSON | (valueText === null ? 0 : RECORD_VALUE_IS_JSON);
    at += RECORD_STRIDE;
  }
  return { source: Buffer.from(text), decoded: NO_BYTES, count: records.length, fields };
}
