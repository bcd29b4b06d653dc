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

describe('a peer message as bytes', () => {
  test('comes back as it was', () => {
    fc.assert(
      fc.property(fc.jsonValue(), anyBlobs, (body, blobs) => {
        const decoded = decodePeerMessage(encoded(body, blobs));
        expect(decoded.body).toEqual(JSON.parse(JSON.stringify(body)));
        expect(decoded.blobs).toEqual(blobs);
      }),
    );
  });

  test('has the documented form', () => {
    const bytes = encoded({ é: 1 }, [Buffer.from('ab'), Buffer.alloc(0), Buffer.from('c')]);
    expect(bytes.toString('latin1')).toBe(
      '\0\0\0\x08\0\0\0\x03\0\0\0\x02\0\0\0\0\0\0\0\x01{"Ã©":1}abc',
    );
  });

  test('large blobs go out as they are, without a copy', () => {
    const blob = Buffer.alloc(100 * KIB, 7);
    const { chunks } = encodePeerMessage({ body: null, blobs: [blob] });
    expect(chunks[1]).toBe(blob);
    const [back] = decodePeerMessage(Buffer.concat(chunks)).blobs;
    expect(back?.equals(blob)).toBe(true);
  });

  test('a body that JSON cannot say is null', () => {
    expect(decodePeerMessage(encoded(undefined, []))).toEqual({ body: null, blobs: [] });
  });

  test('a message cut short or drawn out is malformed wherever that happens', () => {
    const bytes = encoded({ a: [1, 2] }, [Buffer.from('first'), Buffer.from('second')]);
    for (let end = 0; end < bytes.length; end += 1) {
      expect(() => decodePeerMessage(bytes.subarray(0, end))).toThrow(MalformedPeerMessageError);
    }
    const longer = Buffer.concat([bytes, Buffer.of(0)]);
    expect(() => decodePeerMessage(longer)).toThrow(MalformedPeerMessageError);
  });

  test('bytes of any kind are a message or malformed, and nothing else', () => {
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

  test('four thousand million announced blobs take no memory', () => {
    const bytes = Buffer.alloc(64);
    bytes.writeUInt32BE(0xffff_ffff, 4);
    expect(() => decodePeerMessage(bytes)).toThrow(MalformedPeerMessageError);
  });
});
