import { describe, expect, it } from 'vitest';
import type { ShareChange } from './share-change.js';
import type { DeltaRecord } from './share-log-records.js';
import { writeSnapshot } from './share-log-writer.js';
import { SharePartition } from './share-partition.js';
import { ShareReplay } from './share-replay.js';

const KEY = { group: 'g', topic: 't', partition: 0 };
const SCANNED: ShareChange = { kind: 'scanned', to: 3, ranges: [0, 2] };
const ACQUIRED: ShareChange = {
  kind: 'acquired',
  member: 'm',
  receiveId: null,
  lockMs: 30_000,
  ranges: [0, 0],
};

describe('the replay of a share partition', () => {
  it.each([
    { why: 'of an earlier epoch', epoch: 3, topicId: 'id' },
    { why: 'of a later epoch', epoch: 5, topicId: 'id' },
    { why: 'of another topic of that name', epoch: 4, topicId: 'other' },
  ])('ignores a change $why', ({ epoch, topicId }) => {
    const { replay, share } = replayOf(4);
    replay.take(delta(0, { epoch, topicId }, [SCANNED]));
    expect(share().state.scanOffset).toBe(0);
    expect(share().position).toEqual({ topicId: 'id', epoch: 4, slot: 0 });
    replay.take(delta(0, { epoch: 4, topicId: 'id' }, [SCANNED]));
    expect(share().state.scanOffset).toBe(3);
  });

  it('lets the locks run on when a snapshot of the same state follows', () => {
    const { replay, share, clock } = replayOf(4);
    replay.take(delta(0, { epoch: 4, topicId: 'id' }, [SCANNED, ACQUIRED]));
    clock.nowMs = 20_000;
    const { state, position } = share();
    for (const record of writeSnapshot(KEY, position, state, 1000).records) replay.take(record);
    expect(share().position.epoch).toBe(5);
    expect(share().state.window.get(0)?.delivery?.lockUntilMs).toBe(30_000);
  });
});

/** A replay that has the first snapshot of an epoch. */
function replayOf(epoch: number) {
  const clock = { nowMs: 0 };
  const replay = new ShareReplay(() => ({ nowMs: clock.nowMs, monotonicMs: clock.nowMs }));
  const before = { topicId: 'id', epoch: epoch - 1, slot: 0 };
  for (const record of writeSnapshot(KEY, before, new SharePartition(0), 1000).records) {
    replay.take(record);
  }
  const share = () => {
    if (replay.share === undefined) throw new Error('the log has no snapshot');
    return replay.share;
  };
  return { replay, share, clock };
}

function delta(
  slot: number,
  { epoch, topicId }: { readonly epoch: number; readonly topicId: string },
  changes: readonly ShareChange[],
): DeltaRecord {
  return { kind: 'share-delta', key: { ...KEY, slot }, value: { topicId, epoch, changes } };
}
