import { describe, expect, test } from 'vitest';
import { ProtocolError } from '#protocol';
import { startPosition } from './start-position-member.js';

function faultsOf(from: unknown, topics: readonly string[] = ['t']): string[] {
  try {
    startPosition(from, topics);
  } catch (error) {
    if (error instanceof ProtocolError) return error.faults.map(({ pointer }) => pointer);
    throw error;
  }
  return [];
}

describe('from', () => {
  test.each([
    [undefined, 'latest'],
    ['latest', 'latest'],
    ['earliest', 'earliest'],
    [{ timestamp: 5 }, { timestampMs: 5 }],
    [
      { offsets: [{ topic: 't', partition: 1, offset: 2, leaderEpoch: 3 }] },
      { offsets: [{ topic: 't', partition: 1, offset: 2, leaderEpoch: 3 }] },
    ],
    [
      { offsets: [{ topic: 't', partition: 1, offset: 2, leaderEpoch: null }] },
      { offsets: [{ topic: 't', partition: 1, offset: 2 }] },
    ],
    [
      { offsets: [], topicIds: { t: '0b8f6f0c' } },
      { offsets: [], topicIds: { t: '0b8f6f0c' } },
    ],
    [{ offsets: [] }, { offsets: [] }],
    [{ offsets: { 3: 4 } }, { offsets: [{ topic: 't', partition: 3, offset: 4 }] }],
    [{ 0: 12 }, { offsets: [{ topic: 't', partition: 0, offset: 12 }] }],
  ])('%j', (from, expected) => {
    expect(startPosition(from, ['t'])).toEqual(expected);
  });

  test.each([
    ['sometime', ['/data/from']],
    [5, ['/data/from']],
    [null, ['/data/from']],
    [[], ['/data/from']],
    [{}, ['/data/from']],
    [{ timestamp: '5' }, ['/data/from/timestamp']],
    [{ timestamp: -1 }, ['/data/from/timestamp']],
    [{ timestamp: 5, offsets: [] }, ['/data/from/offsets']],
    [{ offsets: 'x' }, ['/data/from/offsets']],
    [{ offsets: [1] }, ['/data/from/offsets/0']],
    [{ offsets: [], topicIds: 'x' }, ['/data/from/topicIds']],
    [
      { offsets: [], topicIds: { t: 'short', u: '0b8f6f0c' } },
      ['/data/from/topicIds/t', '/data/from/topicIds/u'],
    ],
    [{ topicIds: { t: '0b8f6f0c' } }, ['/data/from']],
    [{ offsets: [{ topic: 'u', partition: 0, offset: 0 }] }, ['/data/from/offsets/0/topic']],
    [
      { offsets: [{ topic: 't', partition: -1, offset: 0.5, leaderEpoch: 'x', more: 1 }] },
      [
        '/data/from/offsets/0/partition',
        '/data/from/offsets/0/offset',
        '/data/from/offsets/0/leaderEpoch',
        '/data/from/offsets/0/more',
      ],
    ],
    [
      {
        offsets: [
          { topic: 't', partition: 0, offset: 0 },
          { topic: 't', partition: 0, offset: 1 },
        ],
      },
      ['/data/from/offsets/1'],
    ],
    [{ '00': 1 }, ['/data/from']],
    [{ 0: -1 }, ['/data/from/0']],
    [{ offsets: { 0: 'x' } }, ['/data/from/offsets/0']],
  ])('%j is refused', (from, pointers) => {
    expect(faultsOf(from)).toEqual(pointers);
  });

  test('offsets by partition require a single topic', () => {
    expect(faultsOf({ 0: 1 }, ['t', 'u'])).toEqual(['/data/from']);
  });
});
