/**
 * Explores the model of docs/REPLICATION-SAFETY.md: all orders of events of one partition, within
 * small bounds. `SLUICE_MODEL=deep` explores larger bounds completely, in some minutes each.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { BOUNDS, DEEP_BOUNDS } from './cases.js';
import { counts, exploreCase, story } from './explored-case.js';
import { ALL_FENCES } from './fences.js';

const IS_DEEP = process.env['SLUICE_MODEL'] === 'deep';
const bounds = IS_DEEP ? { ...BOUNDS, ...DEEP_BOUNDS } : BOUNDS;
const report: string[] = [];

afterAll(() => {
  console.info(report.join('\n'));
});

describe('with all rules', () => {
  it.each(Object.entries(bounds))(
    'no invariant breaks: %s',
    (name, configuration) => {
      const explored = exploreCase({ configuration }, ALL_FENCES);
      report.push(`${name}: ${counts(explored)}`);
      expect(story(explored)).toBe('no violation');
      expect(explored.isComplete).toBe(true);
    },
    3_600_000,
  );
});
