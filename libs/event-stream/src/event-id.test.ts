import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EVENT_PARTITIONS_MAX } from '#api';
import { EventPositions, tryParseEventId } from './event-id.js';

const offsets = fc.maxSafeNat();
const positionLists = fc.uniqueArray(
  fc.record({ partition: fc.nat({ max: 9_999_999_999 }), offset: offsets }),
  { minLength: 1, maxLength: EVENT_PARTITIONS_MAX, selector: ({ partition }) => partition },
);

function positionsOf(list: readonly { partition: number; offset: number }[]): EventPositions {
  const positions = new EventPositions();
  for (const { partition, offset } of list) positions.set(partition, offset);
  return positions;
}

describe('an event id', () => {
  it('it has the next offset of each partition', () => {
    const positions = positionsOf([
      { partition: 0, offset: 12 },
      { partition: 1, offset: 7 },
    ]);
    expect(positions.text()).toBe('0:12,1:7');
  });

  it('it parses to the positions that it was created from', () => {
    fc.assert(
      fc.property(positionLists, (list) => {
        expect(tryParseEventId(positionsOf(list).text())).toEqual(list);
      }),
    );
  });

  it('it is assembled around any offset, whichever partitions moved before', () => {
    const moves = fc.array(fc.tuple(fc.nat(), offsets, fc.nat()), { maxLength: 20 });
    fc.assert(
      fc.property(positionLists, moves, (list, moved) => {
        const positions = positionsOf(list);
        const current = new Map(list.map(({ partition, offset }) => [partition, offset]));
        const picked = (pick: number): number => list[pick % list.length]?.partition ?? 0;
        for (const [pick, offset, framed] of moved) {
          positions.set(picked(pick), offset);
          current.set(picked(pick), offset);
          const { before, after } = positions.frameOf(picked(framed));
          expect(`${before}${current.get(picked(framed))}${after}`).toBe(positions.text());
        }
      }),
    );
  });

  it('its frame changes once another partition has moved, and only then', () => {
    fc.assert(
      fc.property(positionLists, fc.nat(), fc.nat(), (list, pick, movedPick) => {
        const { partition } = list[pick % list.length] ?? { partition: 0 };
        const moved = list[movedPick % list.length] ?? { partition: 0, offset: 0 };
        const positions = positionsOf(list);
        const { form } = positions.frameOf(partition);
        positions.set(moved.partition, moved.offset === 0 ? 1 : moved.offset - 1);
        const isOther = positions.frameOf(partition).form !== form;
        expect(isOther).toBe(moved.partition !== partition);
      }),
    );
  });

  it('it includes a partition that is added', () => {
    const positions = positionsOf([{ partition: 0, offset: 3 }]);
    expect(positions.frameOf(0)).toMatchObject({ before: '0:', after: '' });
    positions.set(1, 0);
    expect(positions.frameOf(0)).toMatchObject({ before: '0:', after: ',1:0' });
    expect(positions.text()).toBe('0:3,1:0');
  });

  it.each([
    'x',
    '0',
    '0:',
    ':0',
    '0:1,',
    ',0:1',
    '0:1,0:2',
    '00:1',
    '0:01',
    '0:-1',
    '-1:0',
    '0:1.5',
    '0:1e3',
    ' 0:1',
    '0:9007199254740992',
    '99999999999:1',
    Array.from({ length: EVENT_PARTITIONS_MAX + 1 }, (_, partition) => `${partition}:0`).join(','),
  ])('%s is not an event id', (text) => {
    expect(tryParseEventId(text)).toBeUndefined();
  });

  it('the parser never throws on any text, and accepts everything that it would write', () => {
    const texts = fc.string({ unit: fc.constantFrom(...Array.from('0123456789:,.-x ')) });
    fc.assert(
      fc.property(texts, (text) => {
        const parsed = tryParseEventId(text);
        if (parsed !== undefined) expect(positionsOf(parsed).text()).toBe(text);
      }),
    );
  });
});
