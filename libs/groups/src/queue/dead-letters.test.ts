import { describe, expect, it } from 'vitest';
import { deadLettersWritten, needsProducer } from './dead-letters.js';
import { SharePartition } from './share-partition.js';

const TARGET = { topic: 'dlq.g', topicId: 'dlq-id', partition: 0 };
const PLAN = { ...TARGET, producerId: 7, producerEpoch: 0, sequence: 5, ranges: [0, 1] };
const TIMES = { nowMs: 0, monotonicMs: 0 };

describe('the plan of dead letters', () => {
  it('is done by the note of its own batch, and by no other', () => {
    const state = stateWithPlan();
    for (const other of [{ producerId: 8 }, { sequence: 6 }, { ranges: [0, 2] }]) {
      expect(deadLettersWritten(state, { ...PLAN, ...other })).toEqual([]);
    }
    expect(deadLettersWritten(state, PLAN)).toEqual([{ kind: 'deadLettersWritten' }]);
  });

  it('has a producer of its own for each partition of each dead-letter topic', () => {
    const state = stateWithPlan();
    expect(needsProducer(state, TARGET, 10)).toBe(false);
    expect(needsProducer(state, { ...TARGET, topicId: 'made again' }, 10)).toBe(true);
    expect(needsProducer(state, { ...TARGET, partition: 1 }, 10)).toBe(true);
  });
});

function stateWithPlan(): SharePartition {
  const state = new SharePartition(0);
  state.apply({ kind: 'scanned', to: 2, ranges: [0, 1] }, TIMES);
  const delivery = { member: 'm', receiveId: null, lockMs: 1000 };
  state.apply({ kind: 'acquired', ...delivery, ranges: [0, 1] }, TIMES);
  state.apply({ kind: 'condemned', reason: 'rejected', ranges: [0, 1] }, TIMES);
  state.apply({ kind: 'deadLettersPlanned', plan: PLAN }, TIMES);
  return state;
}
