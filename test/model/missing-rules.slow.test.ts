/**
 * Explores the model of docs/replication-safety.md without one of its rules at a time: each rule is
 * needed, since something goes wrong without it.
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
    'it goes wrong without %s, and nothing with it',
    (fence, one) => {
      const behind = one.behind ?? [];
      const broken = exploreCase(one, without(fence, ...behind));
      report.push(`without ${fence}: ${counts(broken)}: ${story(broken, one.given)}`);
      expect(broken.violation?.what).toMatch(one.finds);
      const whole = exploreCase(one, without(...behind));
      expect(story(whole)).toBe('nothing goes wrong');
      expect(whole.isComplete).toBe(true);
    },
    300_000,
  );
});
