/**
 * The fences of a cluster and of groups (docs/MUTATIONS.md), each taken out in turn: the killer
 * sequences, seeds of the simulation and tests that are said to see it must fail. Prints who did,
 * and at which seed.
 *
 * Usage: node --import jiti/register test/mutations/cluster-mutations.ts [part of a fence's name]
 *
 * SLUICE_MUTATION_SEEDS=<n> looks at so many seeds for each fence, whatever is stated of it.
 */
import { CLUSTER_FENCES, type Fence } from './cluster-fences.js';
import { GROUP_FENCES } from './group-fences.js';
import { failuresWith } from './mutations.js';

const KILLERS = 'test/simulation/killer-sequences.test.ts';
const SIMULATION = 'test/simulation/simulation.test.ts';
const FOLDER = 'libs';

const filter = process.argv[2] ?? '';
const seedsAsked = process.env.SLUICE_MUTATION_SEEDS;
const chosen = [...CLUSTER_FENCES, ...GROUP_FENCES].filter(({ name }) => name.includes(filter));
let unseen = 0;
for (const fence of chosen) {
  const startMs = performance.now();
  const found = await watch(fence);
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  if (found.missing.length > 0) unseen += 1;
  const verdict = found.missing.length === 0 ? 'seen  ' : 'UNSEEN';
  process.stdout.write(`${verdict}  ${seconds} s  ${fence.name} (${fence.rule})\n`);
  for (const line of found.seen) process.stdout.write(`          ${line}\n`);
  for (const line of found.missing) process.stdout.write(`          NOT ${line}\n`);
}
process.stdout.write(`${chosen.length - unseen} of ${chosen.length} fences seen as stated\n`);
process.exitCode = unseen === 0 ? 0 : 1;

/** The tests that failed, and those that should have failed and did not. */
interface Found {
  readonly seen: string[];
  readonly missing: string[];
}

async function watch(fence: Fence): Promise<Found> {
  const found: Found = { seen: [], missing: [] };
  const isStated = (fence.killers ?? fence.seeds ?? fence.tests) !== undefined;
  const isForKillers = fence.killers !== undefined || !isStated;
  const killers = isForKillers
    ? await failuresWith({ folder: FOLDER, tests: [KILLERS], bail: 0 }, fence)
    : [];
  for (const name of killers) found.seen.push(`killer sequence: ${name}`);
  for (const words of fence.killers ?? []) {
    if (!killers.some((name) => name.includes(words))) found.missing.push(`a killer: ${words}`);
  }
  const seeds = Number(seedsAsked ?? fence.seeds ?? 0);
  if (seeds > 0) {
    process.env.SLUICE_SIMULATION_SEEDS = String(seeds);
    const [first] = await failuresWith({ folder: FOLDER, tests: [SIMULATION] }, fence);
    if (first !== undefined) found.seen.push(`simulation: ${first}`);
    else if (fence.seeds !== undefined) found.missing.push(`within ${seeds} seeds`);
  }
  if (fence.tests !== undefined) {
    const [first] = await failuresWith({ folder: FOLDER, tests: fence.tests }, fence);
    if (first === undefined) found.missing.push(`in ${fence.tests.join(', ')}`);
    else found.seen.push(`test: ${first}`);
  }
  if (!isStated && found.seen.length === 0) found.missing.push('anything');
  return found;
}
