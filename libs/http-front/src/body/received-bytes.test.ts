import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ProtocolError } from '#protocol';
import { requestMemory } from '../request-memory.js';
import { ReceivedBytes } from './received-bytes.js';

const MIB = 1024 * 1024;

describe('collecting a body', () => {
  test('a body in one piece is kept without a copy', () => {
    const memory = requestMemory(MIB);
    const received = new ReceivedBytes(memory);
    const piece = Buffer.from('all of it');
    received.add(piece);
    expect(received.whole()).toBe(piece);
    expect(memory.heldBytes).toBe(piece.length);
  });

  test('a body in several pieces is joined, and counted until it is dropped', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 1, maxLength: 12 }),
        fc.boolean(),
        (sizes, isAnnounced) => {
          const memory = requestMemory(16 * MIB);
          const pieces = sizes.map((size, index) => Buffer.alloc(size, index + 1));
          const sizeBytes = sizes.reduce((sum, size) => sum + size, 0);
          const received = new ReceivedBytes(memory, isAnnounced ? sizeBytes : undefined);
          for (const piece of pieces) {
            received.add(piece);
            expect(memory.heldBytes).toBeGreaterThanOrEqual(received.sizeBytes);
          }
          if (isAnnounced) expect(memory.heldBytes).toBe(sizeBytes);
          expect(received.whole().equals(Buffer.concat(pieces))).toBe(true);
          expect(memory.heldBytes).toBe(sizeBytes);
          received.drop();
          expect(memory.heldBytes).toBe(0);
        },
      ),
    );
  });

  test('a joined body does not change when its memory is reused for the next one', () => {
    const memory = requestMemory(16 * MIB);
    const bodies = [1, 2, 3].map((fill) => {
      const received = new ReceivedBytes(memory);
      for (let pieces = 0; pieces < 20; pieces += 1) received.add(Buffer.alloc(50_000, fill));
      return received.whole();
    });
    for (const [index, body] of bodies.entries()) {
      expect(body.equals(Buffer.alloc(1_000_000, index + 1))).toBe(true);
    }
  });

  test('a body is refused if there is no memory for it, and then frees everything', () => {
    const memory = requestMemory(300_000);
    const received = new ReceivedBytes(memory, MIB);
    expect(() => {
      for (;;) received.add(Buffer.alloc(10_000));
    }).toThrow(ProtocolError);
    expect(received.sizeBytes).toBeLessThan(300_000);
    received.drop();
    expect(memory.heldBytes).toBe(0);
  });
});
