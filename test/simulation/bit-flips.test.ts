import { expect, it } from 'vitest';
import { isElsewhere } from './bit-flips.js';

const DAMAGED = 2;

it.each([
  { replicas: [1, 2], isr: [2, 1], to: undefined, elsewhere: true },
  { replicas: [1, 2], isr: [2], to: undefined, elsewhere: false },
  { replicas: [2], isr: [2], to: undefined, elsewhere: false },
  { replicas: [1, 2], isr: [1, 2], to: [2], elsewhere: false },
  { replicas: [1, 2], isr: [1, 2], to: [0, 2], elsewhere: true },
])('replicas $replicas in sync $isr that move to $to: another one stays: $elsewhere', (one) => {
  const { replicas, isr, to, elsewhere } = one;
  const move = to === undefined ? {} : { reassignment: { from: replicas, to, version: 1 } };
  expect(isElsewhere({ replicas, isr, ...move }, DAMAGED)).toBe(elsewhere);
});
