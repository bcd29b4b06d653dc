/**
 * Assigns partitions to brokers.
 *
 * Each partition takes the least loaded brokers: as its leader the broker with the fewest preferred
 * leaderships, as followers those with the fewest replicas. Among equals, a follower is a broker
 * that follows this leader least often, so that the leaderships of one broker fail over to all
 * others; the rest is random. Brokers that are not alive come last. If all brokers name their rack,
 * the replicas of a partition are in as many racks as possible.
 */
import type { Random } from '#runtime';

/** A member of the cluster, as placement sees it. */
export interface PlacementBroker {
  readonly id: number;
  readonly rack: string | null;
  readonly alive: boolean;
}

export interface Placement {
  /** The brokers; there are at least `replicationFactor` of them. */
  readonly brokers: readonly PlacementBroker[];
  /** Number of partitions to place. */
  readonly count: number;
  readonly replicationFactor: number;
  /** Replicas of every partition there is, the preferred leader first. */
  readonly present: Iterable<readonly number[]>;
}

/** A broker and the replicas assigned to it. */
interface Load {
  readonly broker: PlacementBroker;
  /** Random: decides among equals. */
  readonly chance: number;
  leaders: number;
  replicas: number;
  /** Number of partitions that it leads with this follower, by the follower's id. */
  readonly followedBy: Map<number, number>;
}

/** @returns for each new partition the ids of its brokers, the preferred leader first */
export function placeReplicas(placement: Placement, random: Random): number[][] {
  const loads = placement.brokers.map(
    (broker): Load => ({
      broker,
      chance: random.below(2 ** 32),
      leaders: 0,
      replicas: 0,
      followedBy: new Map(),
    }),
  );
  const byId = new Map(loads.map((load) => [load.broker.id, load]));
  for (const replicas of placement.present) account(byId, replicas);
  const hasRacks = placement.brokers.every(({ rack }) => rack !== null);
  return Array.from({ length: placement.count }, () => {
    const replicas = placeOne(loads, placement.replicationFactor, hasRacks);
    account(byId, replicas);
    return replicas;
  });
}

function account(byId: ReadonlyMap<number, Load>, replicas: readonly number[]): void {
  const leader = byId.get(replicas[0] ?? -1);
  if (leader !== undefined) leader.leaders += 1;
  for (const [index, id] of replicas.entries()) {
    const load = byId.get(id);
    if (load === undefined) continue;
    load.replicas += 1;
    if (index > 0) leader?.followedBy.set(id, (leader.followedBy.get(id) ?? 0) + 1);
  }
}

function placeOne(loads: readonly Load[], replicationFactor: number, hasRacks: boolean): number[] {
  const leader = least(loads, (load) => [load.leaders, load.replicas]);
  const chosen = [leader];
  while (chosen.length < replicationFactor) {
    const racks = new Set(hasRacks ? chosen.map(({ broker }) => broker.rack) : []);
    const left = loads.filter((load) => !chosen.includes(load));
    const elsewhere = left.filter(({ broker }) => !racks.has(broker.rack));
    chosen.push(
      least(elsewhere.length > 0 ? elsewhere : left, (load) => [
        load.replicas,
        leader.followedBy.get(load.broker.id) ?? 0,
      ]),
    );
  }
  return chosen.map(({ broker }) => broker.id);
}

/**
 * The load with the smallest key, compared from its first number on; those alive before all others.
 */
function least(loads: readonly Load[], keyOf: (load: Load) => readonly number[]): Load {
  const keyed = loads.map((load) => ({
    load,
    key: [load.broker.alive ? 0 : 1, ...keyOf(load), load.chance],
  }));
  return keyed.reduce((a, b) => (isLess(b.key, a.key) ? b : a)).load;
}

function isLess(a: readonly number[], b: readonly number[]): boolean {
  for (const [index, value] of a.entries()) {
    const otherValue = b[index] ?? 0;
    if (value !== otherValue) return value < otherValue;
  }
  return false;
}
