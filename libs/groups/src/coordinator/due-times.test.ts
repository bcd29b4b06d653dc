import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { DueTimes } from './due-times.js';

it('a key is taken once, when its last time has come', () => {
  const change = fc.record({
    key: fc.nat({ max: 5 }).map(String),
    dueMs: fc.option(fc.nat({ max: 50 })),
  });
  fc.assert(
    fc.property(fc.array(fc.oneof(change, fc.nat({ max: 10 })), { maxLength: 60 }), (steps) => {
      const times = new DueTimes();
      const expected = new Map<string, number>();
      let nowMs = 0;
      for (const step of steps) {
        if (typeof step === 'number') {
          nowMs += step;
          const due = [...expected].filter(([, dueMs]) => dueMs <= nowMs).map(([key]) => key);
          for (const key of due) expected.delete(key);
          expect(times.takeDue(nowMs, 1000).toSorted()).toEqual(due.toSorted());
        } else if (step.dueMs === null) {
          times.delete(step.key);
          expected.delete(step.key);
        } else {
          times.set(step.key, nowMs + step.dueMs);
          expected.set(step.key, nowMs + step.dueMs);
        }
        expect(times.size).toBe(expected.size);
      }
    }),
  );
});

it('a thousand heartbeats leave one entry of a key, and a look is bounded', () => {
  const times = new DueTimes();
  for (let at = 0; at < 1000; at += 1) times.set('member', 1000 + at);
  expect(times.nextMs).toBe(1000);
  expect(times.takeDue(1500, 1)).toEqual([]);
  expect(times.nextMs).toBe(1999);
  expect(times.takeDue(1999, 1)).toEqual(['member']);
  expect(times.nextMs).toBeUndefined();
});
