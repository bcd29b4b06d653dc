import { describe, expect, test } from 'vitest';
import { DER_TAG, DerError, type DerValue, derChildren, derValues } from './der-value.js';
import { distinguishedName } from './distinguished-name.js';

/** Object ids of CN and of O. */
const COMMON_NAME = Buffer.of(0x55, 0x04, 0x03);
const ORGANIZATION = Buffer.of(0x55, 0x04, 0x0a);

/** A value of fewer than 128 bytes. */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.of(tag, content.length), content]);
}

function attribute(type: Buffer, value: Buffer): Buffer {
  return der(DER_TAG.sequence, der(DER_TAG.objectId, type), value);
}

/** A name with one part that has these attributes. */
function nameOf(...attributes: readonly Buffer[]): DerValue {
  const [name] = derValues(der(DER_TAG.sequence, der(DER_TAG.set, ...attributes)));
  if (name === undefined) throw new Error('the name has no bytes');
  return name;
}

function textOf(value: Buffer): string {
  return distinguishedName(nameOf(attribute(COMMON_NAME, value))).text;
}

describe('the text of a distinguished name', () => {
  test.each([
    ['a UTF-8 string', der(DER_TAG.utf8String, Buffer.from('Zoë')), 'CN=Zoë'],
    ['a printable string', der(DER_TAG.printableString, Buffer.from('alice')), 'CN=alice'],
    ['a UTF-16 string', der(DER_TAG.bmpString, Buffer.of(0, 0x5a, 0, 0xeb)), 'CN=Zë'],
    ['half of a UTF-16 character', der(DER_TAG.bmpString, Buffer.of(0x5a)), 'CN=#1e015a'],
    ['an integer', der(DER_TAG.integer, Buffer.of(7)), 'CN=#020107'],
  ])('%s is written as %s', (_what, value, text) => {
    expect(textOf(value)).toBe(text);
  });

  test.each([
    ['invalid UTF-8', der(DER_TAG.utf8String, Buffer.of(0xc3)), 'a string is not utf-8'],
    [
      'half of a pair in UTF-16',
      der(DER_TAG.bmpString, Buffer.of(0xd8, 0)),
      'a string is not utf-16be',
    ],
    ['bytes beyond ASCII', der(DER_TAG.printableString, Buffer.of(0xeb)), 'a string is not ASCII'],
    ['control characters', der(DER_TAG.utf8String, Buffer.of(7)), 'a name has control characters'],
  ])('a value with %s is refused', (_what, value, message) => {
    expect(() => textOf(value)).toThrow(DerError);
    expect(() => textOf(value)).toThrow(message);
  });

  test('attributes of one part must be in the order of DER, so that a name has one text', () => {
    const organization = attribute(ORGANIZATION, der(DER_TAG.utf8String, Buffer.from('a')));
    const commonName = attribute(COMMON_NAME, der(DER_TAG.utf8String, Buffer.from('a')));
    expect(distinguishedName(nameOf(commonName, organization)).text).toBe('CN=a+O=a');
    expect(() => distinguishedName(nameOf(organization, commonName))).toThrow('not in order');
    expect(() => distinguishedName(nameOf(commonName, commonName))).toThrow('not in order');
  });

  test.each([
    ['no value', der(DER_TAG.sequence, der(DER_TAG.objectId, COMMON_NAME))],
    [
      'a type that is not an object id',
      der(DER_TAG.sequence, der(DER_TAG.integer, Buffer.of(1)), der(DER_TAG.integer, Buffer.of(1))),
    ],
  ])('an attribute with %s is refused', (_what, broken) => {
    const name = nameOf(broken);
    expect(() => distinguishedName(name)).toThrow('an attribute has no type or no value');
  });
});

describe('values in DER', () => {
  test.each([
    ['a tag alone', [0x30], 'a value is cut off'],
    ['fewer bytes than the length says', [0x30, 2, 0], 'a value is cut off'],
    ['an indefinite length', [0x30, 0x80, 0, 0], 'a length is not accepted'],
    ['a length of four bytes', [0x30, 0x84, 0, 0, 0, 0], 'a length is not accepted'],
    ['a length that is cut off', [0x30, 0x82, 1], 'a length is cut off'],
  ])('%s is refused', (_what, bytes, message) => {
    expect(() => derValues(Buffer.from(bytes))).toThrow(DerError);
    expect(() => derValues(Buffer.from(bytes))).toThrow(message);
  });

  test('a value of another tag has no children', () => {
    const [integer] = derValues(der(DER_TAG.integer, Buffer.of(1)));
    expect(() => derChildren(integer, DER_TAG.sequence)).toThrow('a value of tag 48 is expected');
    expect(() => derChildren(undefined, DER_TAG.sequence)).toThrow(DerError);
  });
});
