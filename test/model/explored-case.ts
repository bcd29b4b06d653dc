/** Explorations of the model and their descriptions for tests. */
import type { FenceCase } from './cases.js';
import type { Cluster } from './cluster.js';
import { after, type Exploration, explore } from './explorer.js';
import type { Fences } from './fences.js';
import { replicationModel } from './replication-model.js';

const STATES_MAX = 20_000_000;

const explorations = new Map<string, Exploration<Cluster>>();

/** Explores a case once and caches the result for later calls. */
export function exploreCase(
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

export function counts({ states, transitions, depth }: Exploration<Cluster>): string {
  return `${states} states, ${transitions} transitions, ${depth} steps deep`;
}

/** The shortest path to a violation, one step per line. */
export function story({ violation }: Exploration<Cluster>, given: readonly string[] = []): string {
  if (violation === null) return 'no violation';
  const labels = [...given, ...violation.trace.map(({ label }) => label)];
  return [violation.what, ...labels.map((label, index) => `  ${index + 1}. ${label}`)].join('\n');
}
