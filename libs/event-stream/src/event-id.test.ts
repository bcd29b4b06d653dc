import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EVENT_PARTITIONS_MAX } from '#api';
import { type EventPosition, EventPositions, topicDigitsOf, tryParseEventId } from './event-id.js';

const offsets = fc.maxSafeNat();
const epochs = fc.nat();
const positionLists = fc.uniqueArray(
  fc.record(
    { partition: fc.nat({ max: 9_999_999_999 }), offset: offsets, leaderEpoch: epochs },
    { requiredKeys: ['partition', 'offset'] },
  ),
  { minLength: 1, maxLength: EVENT_PARTITIONS_MAX, selector: ({ partition }) => partition },
);

function positionsOf(list: readonly EventPosition[], topicId?: string): EventPositions {
  const positions = new EventPositions(topicId);
  for (const position of list) positions.set(position);
  return positions;
}

describe('an event id', () => {
  it('it has the offset and epoch of each partition, and the first digits of the topic', () => {
    const positions = [
      { partition: 0, offset: 12, leaderEpoch: 4 },
      { partition: 1, offset: 7 },
    ];
    expect(positionsOf(positions, '3f2a9c1e-0001-4000-8000-000000000001').text()).toBe(
      '0:12:4,1:7;3f2a9c1e',
    );
    expect(positionsOf(positions).text()).toBe('0:12:4,1:7');
  });

  it('it parses to the positions and the topic that it was created from', () => {
    fc.assert(
      fc.property(positionLists, fc.option(fc.uuid()), (positions, topicId) => {
        const parsed = tryParseEventId(positionsOf(positions, topicId ?? undefined).text());
        const topic = topicId === null ? {} : { topicDigits: topicDigitsOf(topicId) };
        expect(parsed).toEqual({ positions, ...topic });
      }),
    );
  });

  it('it is assembled around any offset, whichever partitions moved before', () => {
    const move = fc.record({ pick: fc.nat(), offset: offsets, leaderEpoch: epochs });
    const moves = fc.array(move, { maxLength: 20 });
    fc.assert(
      fc.property(positionLists, moves, fc.uuid(), (list, moved, topicId) => {
        const positions = positionsOf(list, topicId);
        for (const { pick, offset, leaderEpoch } of moved) {
          const { partition } = list[pick % list.length] ?? { partition: 0 };
          const { before, after } = positions.frameOf(partition, leaderEpoch);
          positions.set({ partition, offset, leaderEpoch });
          expect(`${before}${offset}${after}`).toBe(positions.text());
        }
      }),
    );
  });

  it('its frame changes once another partition or the epoch has changed, and only then', () => {
    fc.assert(
      fc.property(positionLists, fc.nat(), fc.nat(), (list, pick, movedPick) => {
        const { partition } = list[pick % list.length] ?? { partition: 0 };
        const moved = list[movedPick % list.length] ?? { partition: 0, offset: 0 };
        const positions = positionsOf(list);
        const { form } = positions.frameOf(partition, 1);
        positions.set({ ...moved, offset: moved.offset === 0 ? 1 : moved.offset - 1 });
        const isOther = positions.frameOf(partition, 1).form !== form;
        expect(isOther).toBe(moved.partition !== partition);
        expect(positions.frameOf(partition, 2).form).not.toBe(form);
      }),
    );
  });

  it('it includes a partition that is added', () => {
    const positions = positionsOf([{ partition: 0, offset: 3, leaderEpoch: 2 }]);
    expect(positions.frameOf(0, 2)).toMatchObject({ before: '0:', after: ':2' });
    positions.set({ partition: 1, offset: 0, leaderEpoch: 0 });
    expect(positions.frameOf(0, 2)).toMatchObject({ before: '0:', after: ':2,1:0:0' });
    expect(positions.text()).toBe('0:3:2,1:0:0');
  });

  it.each([
    'x',
    '0',
    '0:',
    ':0',
    '0:1,',
    ',0:1',
    '0:1,0:2',
    '0:1:',
    '0:1:x',
    '0:1:2:3',
    '0:1:-2',
    '0:1;',
    '0:1;3f2a9c1',
    '0:1;3F2A9C1E',
    '0:1;3f2a9c1e;3f2a9c1e',
    ';3f2a9c1e',
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
    const texts = fc.string({ unit: fc.constantFrom(...Array.from('0123456789:,.;-x ')) });
    fc.assert(
      fc.property(texts, (text) => {
        const parsed = tryParseEventId(text);
        if (parsed === undefined) return;
        expect(positionsOf(parsed.positions, parsed.topicDigits).text()).toBe(text);
      }),
    );
  });
});
