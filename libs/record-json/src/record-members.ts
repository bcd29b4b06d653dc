/** Members of a record, as bits. */
export const UNKNOWN_MEMBER = 0;
export const VALUE = 1;
export const VALUE_BASE64 = 2;
export const KEY = 4;
export const KEY_BASE64 = 8;
export const HEADERS = 16;
export const PARTITION = 32;
export const TIMESTAMP = 64;
/** Bit of the member of the body around a list of records. */
export const RECORDS_MEMBER = 128;
/** Bit of a key other than null: null beside `keyBase64` counts as absent. */
export const KEY_PRESENT = 256;
export const DELIVER_AT = 512;
export const DELAY_MS = 1024;

/** True when the bytes of such a member are decoded; those of a JSON value stay in place. */
export function isDecodedMember(member: number): boolean {
  return (member & (VALUE_BASE64 | KEY | KEY_BASE64 | HEADERS)) !== 0;
}

export const MEMBERS = new Map([
  ['value', VALUE],
  ['key', KEY],
  ['valueBase64', VALUE_BASE64],
  ['keyBase64', KEY_BASE64],
  ['headers', HEADERS],
  ['partition', PARTITION],
  ['timestamp', TIMESTAMP],
  ['deliverAt', DELIVER_AT],
  ['delayMs', DELAY_MS],
  ['records', RECORDS_MEMBER],
]);

/**
 * Names with their closing quotes, the most common first; names without escapes are compared in
 * place.
 */
export const QUOTED_MEMBERS = Array.from(MEMBERS, ([name, member]) => ({
  quoted: Buffer.from(`${name}"`),
  member,
}));

/** Longest form of a known name, with every character escaped. */
export const NAME_BYTES_MAX = 6 * 'valueBase64'.length;
