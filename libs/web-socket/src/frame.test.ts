import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { pingFrame, pongFrame, pongPosition, textFrames, writeTextHead } from './frame.js';
import { framesIn } from './testing/frames-in.js';

/** Lengths around those at which the head changes. */
const LENGTHS = [0, 1, 124, 125, 126, 127, 65_534, 65_535, 65_536, 65_537];

describe('text frames', () => {
  test.each(LENGTHS)('a payload of %i bytes', (length) => {
    const text = 'x'.repeat(length);
    const [frame, ...others] = framesIn(textFrames([text]));
    expect(frame).toMatchObject({ opcode: 1, isCompressed: false });
    expect(frame?.payload.toString() === text).toBe(true);
    expect(others).toEqual([]);
  });

  test('frames of texts in any script decode to the same texts, in order', () => {
    const texts = fc.array(fc.string({ unit: 'grapheme', maxLength: 300 }), { maxLength: 20 });
    fc.assert(
      fc.property(texts, (given) => {
        const frames = framesIn(textFrames(given));
        expect(frames.map(({ payload }) => payload.toString())).toEqual(given);
        expect(frames.every(({ opcode }) => opcode === 1)).toBe(true);
      }),
    );
  });

  test('frames of compressed payloads are marked as compressed', () => {
    const frame = Buffer.alloc(3);
    writeTextHead(frame, 0, 1, true);
    expect(framesIn(frame)).toEqual([{ opcode: 1, isCompressed: true, payload: Buffer.from([0]) }]);
  });
});

test('a ping has its position, and a pong the payload of its ping', () => {
  const position = 5_000_000_000;
  const payload = pingFrame(position).subarray(2);
  expect(pongPosition(payload)).toBe(position);
  expect(pongPosition(Buffer.alloc(0))).toBeUndefined();
  expect(framesIn(Buffer.concat([pingFrame(position), pongFrame(Buffer.from('abc'))]))).toEqual([
    { opcode: 9, isCompressed: false, payload },
    { opcode: 10, isCompressed: false, payload: Buffer.from('abc') },
  ]);
});
