import { describe, expect, it } from 'vitest';
import { UnsettledRecords } from './unsettled-records.js';

describe('UnsettledRecords', () => {
  it('waits for the records before it, in any order, and for none after it', async () => {
    const unsettled = new UnsettledRecords();
    const log: string[] = [];
    const [first, second] = [unsettled.add(), unsettled.add()];
    const early = unsettled.whenSettled().then(() => log.push('early'));
    const third = unsettled.add();
    const late = unsettled.whenSettled().then(() => log.push('late'));
    unsettled.add();
    expect(unsettled.count).toBe(4);
    unsettled.settle(third);
    unsettled.settle(second);
    await Promise.resolve();
    expect(log).toEqual([]);
    unsettled.settle(first);
    await Promise.all([early, late]);
    expect(log).toEqual(['early', 'late']);
    expect(unsettled.count).toBe(1);
  });

  it('waits for nothing when nothing is left', async () => {
    const unsettled = new UnsettledRecords();
    unsettled.settle(unsettled.add());
    await unsettled.whenSettled();
  });
});
