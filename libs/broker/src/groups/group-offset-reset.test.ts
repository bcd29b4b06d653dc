import { describe, expect, it } from 'vitest';
import { topicPartitionName } from '#protocol';
import type { LeaderStatus, StatusTarget } from '../leader-status.js';
import { offsetMoves } from './group-offset-reset.js';

const TARGET = { topic: 'events', partition: 0 };
const STATUS = { ...TARGET, logStartOffset: 3, highWatermark: 5, logEndOffset: 9, sizeBytes: 100 };

describe('a reset of offsets', () => {
  it('is refused while a new leader does not know what is committed', async () => {
    const knowing = leadersWith(true);
    const moves = await offsetMoves(LATEST, [TARGET], new Map([[0, 4]]), knowing);
    expect(moves).toEqual([{ ...TARGET, from: 4, to: 5 }]);
    await expect(
      offsetMoves(LATEST, [TARGET], new Map(), leadersWith(false)),
    ).rejects.toMatchObject({ code: 'LEADER_NOT_AVAILABLE' });
  });
});

const LATEST = { topic: 'events', to: 'latest' } as const;

/** A leader as `statusesOfLedPartitions` has it; without its end it answers plain questions. */
function leadersWith(isEndKnown: boolean) {
  const statusesOf = async (targets: readonly StatusTarget[]) => {
    const answered = targets.filter(({ afterEpoch }) => isEndKnown || afterEpoch === undefined);
    return new Map<string, LeaderStatus>(
      answered.map((target) => [topicPartitionName(target), STATUS]),
    );
  };
  const listOffset = () => Promise.reject(new Error('the test asks for no time'));
  return { statusesOf, listOffset };
}
