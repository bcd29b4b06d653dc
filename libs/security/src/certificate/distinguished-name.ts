import { DER_TAG, DerError, type DerValue, derChildren } from './der-value.js';

/** Names of attribute types in RFC 2253, by their object ids; all others are written as numbers. */
const KEYWORDS: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.9': 'STREET',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
  '0.9.2342.19200300.100.1.1': 'UID',
  '0.9.2342.19200300.100.1.25': 'DC',
};

/** A name in the form of RFC 2253, and its attributes. */
export interface DistinguishedName {
  readonly text: string;
  /** Values of the attributes with a keyword, without escapes. */
  readonly values: readonly string[];
}

/**
 * Formats a distinguished name as Kafka does (RFC 2253): the last part first, separators inside of
 * values escaped, values of unknown types in hexadecimal. Two names that differ have different
 * texts, up to the string type of a value.
 * @throws DerError for a name that is malformed or whose text could be mistaken for another one:
 *   with control characters, or with attributes of one part in another order than DER has
 */
export function distinguishedName(name: DerValue): DistinguishedName {
  const values: string[] = [];
  const parts = derChildren(name, DER_TAG.sequence).map((part) => {
    const attributes = derChildren(part, DER_TAG.set);
    assertSorted(attributes);
    return attributes.map((attribute) => attributeText(attribute, values)).join('+');
  });
  return { text: parts.toReversed().join(','), values };
}

function assertSorted(attributes: readonly DerValue[]): void {
  for (const [index, attribute] of attributes.entries()) {
    const before = attributes[index - 1];
    if (before !== undefined && Buffer.compare(before.bytes, attribute.bytes) >= 0) {
      throw new DerError('the attributes of a part of the name are not in order');
    }
  }
}

function attributeText(attribute: DerValue, values: string[]): string {
  const [type, value] = derChildren(attribute, DER_TAG.sequence);
  if (type?.tag !== DER_TAG.objectId || value === undefined) {
    throw new DerError('an attribute has no type or no value');
  }
  const id = objectId(type.content);
  const keyword = KEYWORDS[id];
  const text = keyword === undefined ? undefined : textOf(value);
  if (keyword === undefined || text === undefined) {
    return `${keyword ?? id}=#${value.bytes.toString('hex')}`;
  }
  if (/\p{Cc}/u.test(text)) throw new DerError('a name has control characters');
  values.push(text);
  return `${keyword}=${escaped(text)}`;
}

/** Returns the text of a string; undefined for types that have no certain encoding. */
function textOf({ tag, content }: DerValue): string | undefined {
  switch (tag) {
    case DER_TAG.utf8String:
      return decoded('utf-8', content);
    case DER_TAG.bmpString:
      return content.length % 2 === 0 ? decoded('utf-16be', content) : undefined;
    case DER_TAG.printableString:
    case DER_TAG.ia5String:
    case DER_TAG.numericString:
    case DER_TAG.visibleString:
      if (content.some((byte) => byte > 0x7f)) throw new DerError('a string is not ASCII');
      return content.toString('latin1');
    default:
      return undefined;
  }
}

function decoded(encoding: string, content: Buffer): string {
  try {
    return new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(content);
  } catch (cause) {
    throw new DerError(`a string is not ${encoding}: ${String(cause)}`);
  }
}

/** Escapes the characters that have a meaning in RFC 2253, and spaces at both ends. */
function escaped(text: string): string {
  return text
    .replace(/[,+"\\<>;]/g, '\\$&')
    .replace(/^#/, '\\#')
    .replace(/^ +| +$/g, (spaces) => '\\ '.repeat(spaces.length));
}

function objectId(content: Buffer): string {
  const arcs: bigint[] = [];
  let arc = 0n;
  for (const byte of content) {
    arc = arc * 128n + BigInt(byte & 0x7f);
    if ((byte & 0x80) !== 0) continue;
    arcs.push(arc);
    arc = 0n;
  }
  const [first = 0n, ...others] = arcs;
  const top = first < 80n ? first / 40n : 2n;
  return [top, first - top * 40n, ...others].join('.');
}
