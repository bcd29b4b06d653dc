/**
 * Explores the model of docs/REPLICATION-SAFETY.md with one of its rules missing at a time: each
 * rule is needed, because an invariant breaks without it.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { FENCE_CASES, type FenceCase } from './cases.js';
import { counts, exploreCase, story } from './explored-case.js';
import { type Fence, without } from './fences.js';

const fences = Object.entries(FENCE_CASES) as [Fence, FenceCase][];
const report: string[] = [];

afterAll(() => {
  console.info(report.join('\n'));
});

describe('with a rule missing', () => {
  it.each(fences)(
    'without %s an invariant breaks, with it none does',
    (fence, one) => {
      const behind = one.behind ?? [];
      const broken = exploreCase(one, without(fence, ...behind));
      report.push(`without ${fence}: ${counts(broken)}: ${story(broken, one.given)}`);
      expect(broken.violation?.what).toMatch(one.finds);
      const whole = exploreCase(one, without(...behind));
      expect(story(whole)).toBe('no violation');
      expect(whole.isComplete).toBe(true);
    },
    300_000,
  );
});
