/** The model of one replicated partition: its possible steps and its invariants. */
import { hashOf } from './canonical-hash.js';
import { type Cluster, type Configuration, initialCluster } from './cluster.js';
import type { Model, Step } from './explorer.js';
import type { Fences } from './fences.js';
import { violationIn } from './invariants.js';
import {
  deathSteps,
  loweringSteps,
  proposalSteps,
  type Rules,
  reconnectionSteps,
  redisLossSteps,
  registrationSteps,
  withEachRedis,
} from './metadata-steps.js';
import { moveSteps } from './move-steps.js';
import { detectionSteps, rebuildSteps } from './rebuild-steps.js';
import {
  appendSteps,
  crashSteps,
  deliverySteps,
  fetchSteps,
  journalSteps,
  lateAnswerSteps,
  settle,
  syncSteps,
} from './replica-steps.js';

export function replicationModel(configuration: Configuration, fences: Fences): Model<Cluster> {
  const rules: Rules = { fences };
  const initial = initialCluster(configuration);
  return {
    initial,
    steps: (cluster) => stepsOf(cluster, rules),
    violation: violationIn,
    hash: hashOf(initial.brokers.length),
  };
}

function stepsOf(cluster: Cluster, rules: Rules): Step<Cluster>[] {
  const steps = [
    ...appendSteps(cluster),
    ...syncSteps(cluster),
    ...fetchSteps(cluster, rules),
    ...lateAnswerSteps(cluster, rules),
    ...(rules.fences.journalFirst ? [] : journalSteps(cluster, rules)),
    ...withEachRedis(cluster, (at) => [
      ...deliverySteps(at, rules),
      ...proposalSteps(at, rules),
      ...deathSteps(at, rules),
      ...registrationSteps(at, rules),
      ...loweringSteps(at, rules),
      ...moveSteps(at, rules),
    ]),
    ...crashSteps(cluster),
    ...redisLossSteps(cluster),
    ...reconnectionSteps(cluster),
    ...(rules.fences.redisProcess ? rebuildSteps(cluster, rules) : detectionSteps(cluster, rules)),
  ];
  return steps.map(({ label, state }) => ({ label, state: settle(state, rules) }));
}
