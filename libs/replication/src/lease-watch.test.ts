import { describe, expect, it } from 'vitest';
import { LeaseWatch } from './lease-watch.js';

const IDS = [
  { id: 1, brokerEpoch: 7 },
  { id: 2, brokerEpoch: 8 },
];

function leases(one: string, two?: string): Map<number, string> {
  return new Map(two === undefined ? [[1, one]] : [[1, one] as const, [2, two] as const]);
}

describe('LeaseWatch', () => {
  it('measures from the look that first saw a renewal to the last look', () => {
    const watch = new LeaseWatch(500);
    watch.look(leases('a', 'a'), IDS, 1000);
    watch.look(leases('b', 'a'), IDS, 1400);
    watch.look(leases('b', 'a'), IDS, 1800);
    expect(watch.silentMs(1)).toBe(400);
    expect(watch.silentMs(2)).toBe(800);
  });

  it('counts a broker whose lease is not there as silent from the first look on', () => {
    const watch = new LeaseWatch(500);
    watch.look(leases('a'), IDS, 0);
    watch.look(leases('b'), IDS, 300);
    expect(watch.silentMs(2)).toBe(300);
    expect(watch.silentMs(3)).toBe(0);
  });

  it('gives every broker the whole time again after a gap between checks', () => {
    const watch = new LeaseWatch(500);
    watch.look(leases('a', 'a'), IDS, 0);
    watch.look(leases('a', 'a'), IDS, 400);
    watch.look(leases('a', 'a'), IDS, 5000);
    expect(watch.silentMs(1)).toBe(0);
    watch.look(leases('a', 'a'), IDS, 5300);
    expect(watch.silentMs(1)).toBe(300);
  });

  it('gives everybody the whole time again after a look that failed', () => {
    const watch = new LeaseWatch(500);
    watch.look(leases('a', 'a'), IDS, 0);
    watch.look(leases('a', 'a'), IDS, 400);
    watch.lookFailed();
    watch.look(leases('a', 'a'), IDS, 500);
    expect(watch.silentMs(1)).toBe(0);
  });

  it('gives a newly registered process the whole time, despite a silent id', () => {
    const watch = new LeaseWatch(500);
    for (const nowMs of [0, 400, 800]) watch.look(leases('a', 'a'), IDS, nowMs);
    expect(watch.silentMs(1)).toBe(800);
    const registered = [{ id: 1, brokerEpoch: 9 }];
    watch.look(leases('a', 'a'), registered, 1200);
    expect(watch.silentMs(1)).toBe(0);
    watch.look(leases('a', 'a'), registered, 1600);
    expect(watch.silentMs(1)).toBe(400);
  });
});
