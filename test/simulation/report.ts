import type { SimulationResult } from './simulation.js';

/** Number of trace lines up to which the whole trace is shown. */
const LINES_MAX = 400;

/**
 * The report of a violation: the command to repeat it, the violation, and the related part of the
 * trace.
 * @param test the arguments of vitest that run it
 */
export function report(
  { seed, violations, world, counts }: SimulationResult,
  test = '--project integration test/simulation/simulation.test.ts',
): string {
  const words = violations.flatMap((what) => what.match(/[a-z]+\d*(?:-\d+)+(?:@\d+)?/g) ?? []);
  const whole = world.trace.text().split('\n');
  const lines =
    whole.length <= LINES_MAX ? whole : world.trace.text([...MILESTONES, ...words]).split('\n');
  const left = lines.length - LINES_MAX;
  return [
    `seed ${seed}: ${violations[0]}`,
    ...violations.slice(1, 10),
    `Alone: ${commandOf(seed, test)}`,
    JSON.stringify(counts),
    ...(left > 0 ? [`(${left} lines before these)`] : []),
    ...lines.slice(-LINES_MAX),
  ].join('\n');
}

function commandOf(seed: number, test: string): string {
  return `SLUICE_SIMULATION_SEED=${seed} npx vitest run ${test}`;
}

/** Trace authors and words of events that change the cluster. */
const MILESTONES = ['VIOLATION', 'faults', 'redis', 'operator', 'checker', 'is killed', 'starts'];
