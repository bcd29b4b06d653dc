import { describe, expect, it } from 'vitest';
import type { RecordBatch } from '#log';
import { DELIVER_AT_HEADER, type Offset } from '#protocol';
import { recordOffer } from './record-scan.js';
import { MemoryLog, type TestRecord } from './testing/memory-log.js';

const PLAIN: TestRecord = {};

describe('an offer of records', () => {
  const part = (batches: readonly RecordBatch[], from: Offset, to: Offset) => {
    return { from, to, logStartOffset: 0, leaderEpoch: 3, batches };
  };

  it('has the offsets of dense batches, within what was read', () => {
    const batch = new MemoryLog().append(PLAIN, PLAIN, PLAIN, PLAIN);
    expect(recordOffer(part([batch], 1, 3), 'g', false)).toMatchObject({ ranges: [1, 2] });
  });

  it('has the times of delayed records and the keys of a key-ordered group', () => {
    const keyed = { key: 'a' };
    const batch = new MemoryLog().append(keyed, PLAIN, 700, keyed);
    const { ranges, keys = [], delayed } = recordOffer(part([batch], 0, 4), 'g', true);
    expect(ranges).toEqual([0, 3]);
    expect(delayed).toEqual([2, 700]);
    expect(keys).toEqual([keys[0], null, null, keys[0]]);
    expect(keys[0]).not.toBeNull();
  });

  it('says which leader appended the records', () => {
    const log = new MemoryLog();
    const batches = [log.append(PLAIN, PLAIN), log.append(PLAIN)];
    log.leaderEpoch = 4;
    batches.push(log.append(PLAIN), log.append(PLAIN));
    expect(recordOffer(part(batches, 0, 5), 'g', false).epochs).toEqual([0, 0, 3, 4]);
  });

  it('leaves out what was put back for another group', () => {
    const redriven: TestRecord = { header: ['sluice.redrive.group', 'other'] };
    const batch = new MemoryLog().append(PLAIN, redriven, PLAIN);
    expect(recordOffer(part([batch], 0, 3), 'g', false).ranges).toEqual([0, 0, 2, 2]);
    expect(recordOffer(part([batch], 0, 3), 'other', false).ranges).toEqual([0, 2]);
  });

  it('takes no header that is not a time for a delay', () => {
    const odd: TestRecord = { header: [DELIVER_AT_HEADER, 'tomorrow'] };
    const batch = new MemoryLog().append(odd);
    expect(recordOffer(part([batch], 0, 1), 'g', false).delayed).toEqual([]);
  });
});
