/** The steps of a move to other replicas: request, addition, removal. */
import {
  type BrokerSet,
  type Cluster,
  count,
  has,
  headOf,
  idsOf,
  type Metadata,
  spent,
} from './cluster.js';
import type { Step } from './explorer.js';
import {
  committed,
  described,
  elected,
  isAttached,
  isrName,
  majorityOf,
  mayDecide,
  nextIds,
  type Rules,
  takesCommits,
} from './metadata-steps.js';

type Steps = Step<Cluster>[];

export function moveSteps(cluster: Cluster, rules: Rules): Steps {
  const head = headOf(cluster.redis);
  if (head === null || !takesCommits(cluster, rules)) return [];
  if (head.move === null && cluster.budget.moves === 0) return [];
  const isReachable = cluster.brokers.some(
    (broker, id) => isAttached(cluster, broker) && mayDecide(broker, id, head, rules),
  );
  if (!isReachable) return [];
  if (head.move === null) return requestSteps(cluster, head);
  return isJournaled(cluster, head.move.version) ? movingSteps(cluster, head, rules) : [];
}

/** Steps that request other replicas, as many as the partition has. */
export function requestSteps(cluster: Cluster, head: Metadata): Steps {
  const { version } = nextIds(cluster, head);
  const steps: Steps = [];
  for (let to: BrokerSet = 1; to < 1 << cluster.brokers.length; to += 1) {
    if (to === head.replicas || count(to) !== count(head.replicas)) continue;
    const partition = { ...head.partition, version };
    const state = committed(cluster, { partition, move: { to, version } });
    const label = `a move is requested to ${isrName(to)}`;
    steps.push({ label, state: spent(state, 'moves') });
  }
  return steps;
}

/** Possible decisions about a moving partition, once a majority has the move on disk. */
export function movingSteps(cluster: Cluster, head: Metadata, rules: Rules): Steps {
  const { replicas, move, partition } = head;
  if (move === null) return [];
  const { version } = nextIds(cluster, head);
  const all = replicas | move.to;
  if (all !== replicas) {
    const state = committed(cluster, { partition: { ...partition, version }, replicas: all });
    return [{ label: `the replicas are ${isrName(all)}`, state }];
  }
  if ((move.to & ~partition.isr) !== 0) return [];
  return leftSteps(cluster, head, move.to, rules);
}

/** Steps in which the replicas that are not targets leave. */
function leftSteps(cluster: Cluster, head: Metadata, to: BrokerSet, { fences }: Rules): Steps {
  const { partition } = head;
  const { leader } = partition;
  const { version } = nextIds(cluster, head);
  const stays = leader >= 0 && has(to, leader);
  const leaders = stays ? [leader] : idsOf(to & head.alive);
  return leaders.map((next) => {
    const isElection = !stays || fences.leavingEpoch;
    const after = isElection
      ? elected(cluster, head, next, to)
      : { ...partition, isr: to, version };
    const state = committed(cluster, { partition: after, replicas: to, move: null });
    return { label: `the replicas are ${isrName(to)} alone; ${described(after)}`, state };
  });
}

/** True when a majority of the brokers has a version on disk. */
function isJournaled({ brokers }: Cluster, version: number): boolean {
  const journaled = brokers.filter(({ journal }) => journal !== null && journal.version >= version);
  return journaled.length >= majorityOf(brokers.length);
}
