import { describe, expect, it } from 'vitest';
import { FakeClock, FakeScheduler } from '#runtime/testing';
import { HeartbeatRings } from './heartbeat-rings.js';

function rings() {
  const scheduler = new FakeScheduler(new FakeClock());
  const due = new Map<string, number>();
  const all = new HeartbeatRings<string>(scheduler, (member) => {
    due.set(member, (due.get(member) ?? 0) + 1);
  });
  return { scheduler, due, all };
}

describe('heartbeats of members', () => {
  it.each([100, 3000, 45_000])('are due three times in a session of %d ms', async (sessionMs) => {
    const { scheduler, due, all } = rings();
    all.set('a', sessionMs);
    await scheduler.advance(sessionMs);
    expect(due.get('a')).toBeGreaterThanOrEqual(3);
    expect(due.get('a')).toBeLessThanOrEqual(7);
  });

  it('are spread over the time', async () => {
    const { scheduler, due, all } = rings();
    for (let number = 0; number < 1600; number += 1) all.set(`m${number}`, 48_000);
    const counts: number[] = [];
    for (let step = 0; step < 16; step += 1) {
      await scheduler.advance(937.5);
      counts.push([...due.values()].reduce((total, each) => total + each, 0));
    }
    expect(counts).toEqual(counts.map((_, index) => (index + 1) * 100));
  });

  it('follow a change of the session time-out, and end with the member', async () => {
    const { scheduler, due, all } = rings();
    all.set('a', 45_000);
    all.set('a', 300);
    await scheduler.advance(300);
    expect(due.get('a')).toBeGreaterThanOrEqual(3);
    const before = due.get('a');
    all.remove('a');
    expect(all.size).toBe(0);
    await scheduler.advance(60_000);
    expect(due.get('a')).toBe(before);
  });
});
