/** Hashes states so that states that differ only in the names of the brokers have the same hash. */
import {
  type Broker,
  type Budget,
  type Cluster,
  type Metadata,
  NOBODY,
  type Redis,
} from './cluster.js';

/** @returns the hash of a state with this number of brokers, below 2^53 and never 0 */
export function hashOf(brokers: number): (cluster: Cluster) => number {
  const renamings = permutations(Array.from({ length: brokers }, (_, id) => id)).map(
    (order, index) => new Renaming(order, index),
  );
  return (cluster) => {
    let least = Number.MAX_SAFE_INTEGER;
    for (const renaming of renamings) {
      const hash = renaming.hash(cluster);
      if (hash < least) least = hash;
    }
    return least === 0 ? 1 : least;
  };
}

function permutations(ids: readonly number[]): number[][] {
  if (ids.length === 0) return [[]];
  return ids.flatMap((id) =>
    permutations(ids.filter((other) => other !== id)).map((rest) => [id, ...rest]),
  );
}

/**
 * Hashes a state as if its brokers had other names. Objects that states share, such as brokers and
 * commits, are hashed once.
 */
class Renaming {
  readonly #order: readonly number[];
  /** New id of each old id. */
  readonly #names: number[] = [];
  readonly #sets: number[] = [];

  readonly #index: number;

  /**
   * @param order old ids, in the order of their new ids
   * @param index index of this renaming among all
   */
  constructor(order: readonly number[], index: number) {
    this.#order = order;
    this.#index = index;
    for (const [to, from] of order.entries()) this.#names[from] = to;
    for (let set = 0; set < 1 << order.length; set += 1) {
      let renamed = 0;
      for (const [to, from] of order.entries()) if ((set & (1 << from)) !== 0) renamed |= 1 << to;
      this.#sets.push(renamed);
    }
  }

  hash(cluster: Cluster): number {
    const { redis, formerRedis, brokers, acknowledged, acknowledgers, fault, budget } = cluster;
    const hash = new Hash();
    if (formerRedis !== null) {
      hash.add((formerRedis.hashes[this.#index] ??= this.#ofRedis(formerRedis)));
    }
    hash.add((redis.hashes[this.#index] ??= this.#ofRedis(redis)));
    for (const id of this.#order) {
      const broker = brokers[id];
      if (broker === undefined) continue;
      hash.add((broker.hashes[this.#index] ??= this.#ofBroker(broker)));
    }
    hash.add(acknowledged.length);
    for (const { record, reign, electionId } of acknowledged) {
      hash.add(record);
      hash.add(reign * 1024 + electionId);
    }
    hash.add(acknowledgers.length);
    for (const { electionId, broker, brokerEpoch } of acknowledgers) {
      hash.add(electionId * 8 + (this.#names[broker] ?? 0));
      hash.add(brokerEpoch);
    }
    addBudget(hash, budget);
    hash.add(fault === null ? 0 : 1);
    return hash.value();
  }

  #ofRedis({ line, lineNumber, isConfirmed }: Redis): number {
    const hash = new Hash();
    hash.add(lineNumber * 2 + (isConfirmed ? 1 : 0));
    for (const commit of line) hash.add(this.#ofCommit(commit));
    return hash.value();
  }

  #ofBroker(broker: Broker): number {
    const { log, progress, late, journal, known } = broker;
    const hash = new Hash();
    hash.add(broker.disk * 64 + broker.syncedEnd * 8 + broker.highWatermark);
    hash.add(log.length);
    for (const { leaderEpoch, electionId, record } of log) {
      hash.add(leaderEpoch * 1024 + electionId);
      hash.add(record);
    }
    hash.add(journal === null ? 0 : this.#ofCommit(journal));
    hash.add(known === null ? 0 : this.#ofCommit(known));
    hash.add(broker.promised * 32 + (broker.isAtFormer ? 16 : 0) + broker.epochStart);
    hash.add(broker.brokerEpoch);
    hash.add(this.#set(broker.proposedIsr) * 16 + this.#set(broker.unprovenIsr));
    for (const id of this.#order) {
      const seen = progress[id];
      hash.add(seen === null || seen === undefined ? -1 : seen.logEnd * 8 + seen.syncedEnd);
      hash.add((seen?.brokerEpoch ?? 0) * 1024 + (seen?.journaledVersion ?? 0));
    }
    if (late === null) return hash.value();
    hash.add(late.leaderEpoch * 1024 + late.electionId);
    hash.add(late.fetchOffset * 16 + late.highWatermark);
    for (const { electionId, record } of late.entries) hash.add(electionId * 16 + record);
    return hash.value();
  }

  #ofCommit(commit: Metadata): number {
    return (commit.hashes[this.#index] ??= this.#newOfCommit(commit));
  }

  #newOfCommit({ version, changeId, partition, ...commit }: Metadata): number {
    const { brokerEpochs, disks, alive, minInsync, replicas, move } = commit;
    const hash = new Hash();
    hash.add(version * 1024 + changeId);
    hash.add(partition.leader === NOBODY ? 7 : (this.#names[partition.leader] ?? 0));
    hash.add(partition.leaderEpoch * 1024 + partition.electionId);
    hash.add(this.#set(partition.isr) * 16 + this.#set(alive));
    hash.add(partition.version * 1024 + partition.reign);
    hash.add(minInsync.version * 64 + minInsync.former * 8 + minInsync.replicas);
    hash.add(this.#set(replicas) * 16 + (move === null ? 0 : this.#set(move.to)));
    hash.add(move?.version ?? 0);
    for (const id of this.#order) hash.add((brokerEpochs[id] ?? 0) * 16 + (disks[id] ?? 0));
    return hash.value();
  }

  #set(set: number): number {
    return this.#sets[set] ?? 0;
  }
}

function addBudget(hash: Hash, budget: Budget): void {
  hash.add(budget.records * 8 + budget.crashes);
  hash.add(budget.disksLost * 8 + budget.deaths);
  hash.add(budget.isrShrinks * 8 + budget.isrGrowths);
  hash.add(budget.rollbacks * 64 + budget.wipes * 8 + budget.moves);
  hash.add(budget.lateAnswers * 64 + budget.failovers * 8 + budget.minInsyncLowerings);
}

/** Two 32-bit hashes side by side, over whole numbers below 2^53. */
class Hash {
  #high = 0x9e3779b9;
  #low = 0x85ebca6b;

  add(value: number): void {
    this.#mix(value | 0);
    if (value > 0x7fffffff) this.#mix((value / 0x100000000) | 0);
  }

  value(): number {
    return (this.#high & 0x1fffff) * 0x100000000 + (this.#low >>> 0);
  }

  #mix(word: number): void {
    let high = Math.imul(this.#high ^ word, 0xcc9e2d51);
    high ^= high >>> 15;
    let low = Math.imul(this.#low + word + (high << 7), 0x1b873593);
    low ^= low >>> 13;
    this.#high = (Math.imul(high + (low << 3), 5) + 0x7f4a7c15) | 0;
    this.#low = (Math.imul(low ^ (high >>> 9), 9) + 0x165667b1) | 0;
  }
}
