import { describe, expect, it } from 'vitest';
import { FakeClock, FakeScheduler } from '#runtime/testing';
import { HeartbeatRings } from './heartbeat-rings.js';

function rings() {
  const scheduler = new FakeScheduler(new FakeClock());
  const due = new Map<string, number>();
  const all = new HeartbeatRings<string>(scheduler, {
    onDue: (member) => {
      due.set(member, (due.get(member) ?? 0) + 1);
    },
    partOf: (member) => member.charCodeAt(0),
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

  it('are spread over the time, also those of one part of the groups', async () => {
    const { scheduler, due, all } = rings();
    for (let number = 0; number < 1600; number += 1) all.set(`m${number}`, 48_000);
    const counts: number[] = [];
    for (let step = 0; step < 16; step += 1) {
      due.clear();
      await scheduler.advance(937.5);
      counts.push(due.size);
    }
    expect(counts.reduce((total, count) => total + count)).toBe(1600);
    // A slot may have 64 members more than one and a half times the average, 100.
    expect(Math.max(...counts)).toBeLessThanOrEqual(214);
  });

  it('of one part of the groups are due together while others fill the other slots', async () => {
    const { scheduler, due, all } = rings();
    const parts = 'abcdefghijklmnopqrstuvwxyzABCDEF'.split('');
    for (const part of parts) {
      for (let number = 0; number < 50; number += 1) all.set(`${part}${number}`, 48_000);
    }
    const together: string[] = [];
    for (let step = 0; step < 16; step += 1) {
      due.clear();
      await scheduler.advance(937.5);
      expect(due.size).toBe(100);
      together.push(...new Set([...due.keys()].map((member) => member.charAt(0))));
    }
    expect(together.toSorted()).toEqual(parts.toSorted());
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
