/** One value in the Distinguished Encoding Rules of ASN.1 (X.690). */
export interface DerValue {
  readonly tag: number;
  /** The contents, without tag and length. */
  readonly content: Buffer;
  /** Tag, length and contents. */
  readonly bytes: Buffer;
}

/** Tags that certificates and revocation lists use. */
export const DER_TAG = {
  integer: 0x02,
  objectId: 0x06,
  utf8String: 0x0c,
  numericString: 0x12,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  visibleString: 0x1a,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
  version: 0xa0,
} as const;

const LONG_FORM = 0x80;
/** Bytes of the longest length that is read: 16 MiB. */
const LENGTH_BYTES_MAX = 3;

/** The bytes are not one DER value. */
export class DerError extends Error {
  override readonly name = 'DerError';
}

/** Reads all values that follow each other. @throws DerError */
export function derValues(bytes: Buffer): DerValue[] {
  const values: DerValue[] = [];
  for (let at = 0; at < bytes.length; ) {
    const value = derValueAt(bytes, at);
    values.push(value);
    at += value.bytes.length;
  }
  return values;
}

/** Reads the values inside a value of this tag. @throws DerError for another tag */
export function derChildren(value: DerValue | undefined, tag: number): DerValue[] {
  if (value?.tag !== tag) throw new DerError(`a value of tag ${tag} is expected`);
  return derValues(value.content);
}

function derValueAt(bytes: Buffer, at: number): DerValue {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined) throw new DerError('a value is cut off');
  const lengthBytes = first < LONG_FORM ? 0 : first - LONG_FORM;
  if (first === LONG_FORM || lengthBytes > LENGTH_BYTES_MAX) {
    throw new DerError('a length is not accepted');
  }
  const start = at + 2 + lengthBytes;
  if (start > bytes.length) throw new DerError('a length is cut off');
  const length = lengthBytes === 0 ? first : bytes.readUIntBE(at + 2, lengthBytes);
  const end = start + length;
  if (end > bytes.length) throw new DerError('a value is cut off');
  return { tag, content: bytes.subarray(start, end), bytes: bytes.subarray(at, end) };
}
