import {
  FIELD_ATTRIBUTES,
  FIELD_HEADERS_END,
  FIELD_HEADERS_START,
  FIELD_KEY_END,
  FIELD_KEY_START,
  FIELD_PARTITION,
  FIELD_TIMESTAMP,
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
  const chunks: Buffer[] = [];
  const fields: number[] = [];
  let position = 0;
  for (const { keyText, valueText } of records) {
    const keyBytes = Buffer.from(keyText);
    const valueBytes = valueText === null ? undefined : Buffer.from(valueText);
    const at = fields.length;
    for (let field = 0; field < RECORD_STRIDE; field += 1) fields.push(0);
    fields[at + FIELD_KEY_START] = position;
    fields[at + FIELD_KEY_END] = position + keyBytes.length;
    position += keyBytes.length;
    chunks.push(keyBytes);
    fields[at + FIELD_VALUE_START] = valueBytes === undefined ? -1 : position;
    fields[at + FIELD_VALUE_END] = valueBytes === undefined ? -1 : position + valueBytes.length;
    if (valueBytes !== undefined) {
      position += valueBytes.length;
      chunks.push(valueBytes);
    }
    fields[at + FIELD_HEADERS_START] = -1;
    fields[at + FIELD_HEADERS_END] = -1;
    fields[at + FIELD_ATTRIBUTES] =
      RECORD_KEY_IS_JSON | (valueBytes === undefined ? 0 : RECORD_VALUE_IS_JSON);
    fields[at + FIELD_PARTITION] = -1;
    fields[at + FIELD_TIMESTAMP] = -1;
  }
  return { source: Buffer.concat(chunks), decoded: NO_BYTES, count: records.length, fields };
}
