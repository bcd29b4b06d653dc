import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { decodeCursor, encodeCursor, positionsThatFit } from './poll-cursor.js';

const position = fc.record(
  {
    topic: fc.stringMatching(/^[a-z]{1,249}$/),
    partition: fc.nat(),
    offset: fc.maxSafeNat(),
    leaderEpoch: fc.nat(),
  },
  { requiredKeys: ['topic', 'partition', 'offset'] },
);

it('a cursor has at most 4 KiB, and all positions that fit are read back', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(position, {
        maxLength: 64,
        selector: (one) => `${one.topic} ${one.partition}`,
      }),
      fc.maxSafeNat(),
      (positions, generation) => {
        const fitting = positions.slice(0, positionsThatFit(positions));
        const text = encodeCursor({ generation, next: 3 }, positions);
        expect(text.length).toBeLessThanOrEqual(4096);
        const decoded = decodeCursor(text);
        expect(decoded).toMatchObject({ generation, next: 3 });
        expect(decoded.positions).toEqual(expect.arrayContaining(fitting));
      },
    ),
  );
});

it('a cursor of an earlier version has no epochs', () => {
  const text = Buffer.from('[1,7,2,[["t",[0,5,3,9]]]]').toString('base64url');
  expect(decodeCursor(text)).toEqual({
    generation: 7,
    next: 2,
    positions: [
      { topic: 't', partition: 0, offset: 5 },
      { topic: 't', partition: 3, offset: 9 },
    ],
  });
});

it.each(['', 'x', '!', Buffer.from('[1,2]').toString('base64url'), 'a'.repeat(5000)])(
  'the text %j is refused as a cursor',
  (text) => {
    expect(() => decodeCursor(text)).toThrow('a cursor is the member "cursor"');
  },
);

it('any text is decoded or refused', () => {
  fc.assert(
    fc.property(fc.json(), (json) => {
      const text = Buffer.from(json).toString('base64url');
      try {
        decodeCursor(text);
      } catch (error) {
        expect(error).toMatchObject({ code: 'INVALID_REQUEST' });
      }
    }),
  );
});
