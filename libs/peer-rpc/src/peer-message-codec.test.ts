import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MalformedPeerMessageError } from '#replication';
import { decodePeerMessage, encodePeerMessage } from './peer-message-codec.js';

const KIB = 1024;

function encoded(body: unknown, blobs: readonly Buffer[]): Buffer {
  const { chunks, sizeBytes } = encodePeerMessage({ body, blobs });
  const bytes = Buffer.concat(chunks);
  expect(bytes).toHaveLength(sizeBytes);
  return bytes;
}

const anyBlobs = fc.array(
  fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
  { maxLength: 10 },
);

describe('encoding of peer messages', () => {
  test('a message survives the round trip', () => {
    fc.assert(
      fc.property(fc.jsonValue(), anyBlobs, (body, blobs) => {
        const decoded = decodePeerMessage(encoded(body, blobs));
        expect(decoded.body).toEqual(JSON.parse(JSON.stringify(body)));
        expect(decoded.blobs).toEqual(blobs);
      }),
    );
  });

  test('a message has the documented form', () => {
    const bytes = encoded({ é: 1 }, [Buffer.from('ab'), Buffer.alloc(0), Buffer.from('c')]);
    expect(bytes.toString('latin1')).toBe(
      '\0\0\0\x08\0\0\0\x03\0\0\0\x02\0\0\0\0\0\0\0\x01{"Ã©":1}abc',
    );
  });

  test('large blobs are sent without a copy', () => {
    const blob = Buffer.alloc(100 * KIB, 7);
    const { chunks } = encodePeerMessage({ body: null, blobs: [blob] });
    expect(chunks[1]).toBe(blob);
    const [back] = decodePeerMessage(Buffer.concat(chunks)).blobs;
    expect(back?.equals(blob)).toBe(true);
  });

  test('a body that JSON cannot express becomes null', () => {
    expect(decodePeerMessage(encoded(undefined, []))).toEqual({ body: null, blobs: [] });
  });

  test('a message that is truncated or extended anywhere is malformed', () => {
    const bytes = encoded({ a: [1, 2] }, [Buffer.from('first'), Buffer.from('second')]);
    for (let end = 0; end < bytes.length; end += 1) {
      expect(() => decodePeerMessage(bytes.subarray(0, end))).toThrow(MalformedPeerMessageError);
    }
    const longer = Buffer.concat([bytes, Buffer.of(0)]);
    expect(() => decodePeerMessage(longer)).toThrow(MalformedPeerMessageError);
  });

  test('any bytes decode to a message or are malformed', () => {
    const anyBytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      fc
        .tuple(fc.jsonValue(), anyBlobs, fc.nat(), fc.nat(255))
        .map(([body, blobs, place, byte]) => {
          const bytes = encoded(body, blobs);
          bytes[place % bytes.length] = byte;
          return bytes;
        }),
    );
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        try {
          decodePeerMessage(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedPeerMessageError);
        }
      }),
    );
  });

  test('four billion announced blobs allocate no memory', () => {
    const bytes = Buffer.alloc(64);
    bytes.writeUInt32BE(0xffff_ffff, 4);
    expect(() => decodePeerMessage(bytes)).toThrow(MalformedPeerMessageError);
  });
});
