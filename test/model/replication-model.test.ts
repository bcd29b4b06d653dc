/**
 * Explores the model of docs/replication-safety.md: what can happen to one partition, in every order,
 * within small bounds. `SLUICE_MODEL=deep` takes larger ones, to the end: some minutes each.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { BOUNDS, DEEP_BOUNDS, FENCE_CASES, type FenceCase } from './cases.js';
import type { Cluster } from './cluster.js';
import { after, type Exploration, explore } from './explorer.js';
import { ALL_FENCES, type Fence, type Fences, without } from './fences.js';
import { replicationModel } from './replication-model.js';

const IS_DEEP = process.env['SLUICE_MODEL'] === 'deep';
const STATES_MAX = 20_000_000;
const bounds = IS_DEEP ? { ...BOUNDS, ...DEEP_BOUNDS } : BOUNDS;
const fences = Object.entries(FENCE_CASES) as [Fence, FenceCase][];
const report: string[] = [];

afterAll(() => {
  console.info(report.join('\n'));
});

describe('with all rules', () => {
  it.each(Object.entries(bounds))(
    'nothing goes wrong: %s',
    (name, configuration) => {
      const explored = exploreCase({ configuration }, ALL_FENCES);
      report.push(`${name}: ${counts(explored)}`);
      expect(story(explored)).toBe('nothing goes wrong');
      expect(explored.isComplete).toBe(true);
    },
    3_600_000,
  );
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

const explorations = new Map<string, Exploration<Cluster>>();

/** Explores once what several tests ask for. */
function exploreCase(
  { configuration, given = [] }: Omit<FenceCase, 'finds'>,
  rules: Fences,
): Exploration<Cluster> {
  const key = JSON.stringify([configuration, given, rules]);
  const known = explorations.get(key);
  if (known !== undefined) return known;
  const explored = explore(after(replicationModel(configuration, rules), given), STATES_MAX);
  explorations.set(key, explored);
  return explored;
}

function counts({ states, transitions, depth }: Exploration<Cluster>): string {
  return `${states} states, ${transitions} transitions, ${depth} steps deep`;
}

/** The shortest way to what goes wrong, one step a line. */
function story({ violation }: Exploration<Cluster>, given: readonly string[] = []): string {
  if (violation === null) return 'nothing goes wrong';
  const labels = [...given, ...violation.trace.map(({ label }) => label)];
  return [violation.what, ...labels.map((label, index) => `  ${index + 1}. ${label}`)].join('\n');
}
