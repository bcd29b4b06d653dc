/**
 * The state of the model: some brokers with the replicas of one partition, and a Redis with the
 * commits of their metadata. States are immutable.
 *
 * Simplifications that hide no violation: a broker that is down or cut off is one that takes no
 * step for a while, so a crash is one step, after which a new process runs at once. Messages are
 * delivered in the step that sends them, except answers to fetches, one of which may be late. A
 * late request equals a request of a follower that does not know the newest metadata yet.
 */

/** A set of broker ids, one bit per broker. */
export type BrokerSet = number;

/** Stands for no broker in place of an id. */
export const NOBODY = -1;

/** Hashes of an object that `canonical-hash` has computed, one per renaming of the brokers. */
type Hashes = number[];

/** The partition as the cluster agreed on it. */
export interface PartitionState {
  readonly leader: number;
  readonly leaderEpoch: number;
  /** Id of the commit with the election; distinguishes two elections of the same epoch. */
  readonly electionId: number;
  readonly isr: BrokerSet;
  /**
   * Version of the last commit that changed the partition. Kafka's partition epoch gives the same
   * order.
   */
  readonly version: number;
  /**
   * Time at which this leader was confirmed last, in real order. Only invariants may read it, no
   * rule.
   */
  readonly reign: number;
}

/** The setting `min.insync.replicas`. */
interface MinInsync {
  readonly replicas: number;
  /** Former setting, equal to `replicas` when it was not lowered. */
  readonly former: number;
  /** Version of the commit that lowered it. */
  readonly version: number;
}

/** A move of the partition to other replicas. */
interface Move {
  readonly to: BrokerSet;
  /** Version of the commit that requested it. */
  readonly version: number;
}

/** One commit of the metadata, with the whole state after it. */
export interface Metadata {
  readonly version: number;
  /**
   * Id that distinguishes it from another commit of the same version, after Redis was rolled back.
   */
  readonly changeId: number;
  readonly partition: PartitionState;
  /** Broker epoch of the registered process, by broker id. */
  readonly brokerEpochs: readonly number[];
  /** Registered disk, by broker id. */
  readonly disks: readonly number[];
  readonly alive: BrokerSet;
  readonly minInsync: MinInsync;
  readonly replicas: BrokerSet;
  /** Null while the partition does not move. */
  readonly move: Move | null;
  readonly hashes: Hashes;
}

export interface LogEntry {
  readonly leaderEpoch: number;
  readonly electionId: number;
  readonly record: number;
}

/** The progress of a follower that a leader knows from its last fetch in this epoch. */
interface Progress {
  readonly logEnd: number;
  readonly syncedEnd: number;
  readonly brokerEpoch: number;
  readonly journaledVersion: number;
}

/** An answer to a fetch that has not arrived yet. */
export interface LateAnswer {
  readonly leaderEpoch: number;
  readonly electionId: number;
  readonly fetchOffset: number;
  readonly entries: readonly LogEntry[];
  readonly highWatermark: number;
}

export interface Broker {
  // State on disk.
  readonly disk: number;
  readonly log: readonly LogEntry[];
  readonly syncedEnd: number;
  /** Null on an empty disk. */
  readonly journal: Metadata | null;
  /** Number of the newest rebuild that this broker took part in. */
  readonly promised: number;
  // State of the process.
  readonly known: Metadata | null;
  /** Broker epoch of this process; 0 before it has registered. */
  readonly brokerEpoch: number;
  readonly highWatermark: number;
  /** Log end when it began to lead in this epoch; -1 while it does not lead. */
  readonly epochStart: number;
  readonly progress: readonly (Progress | null)[];
  /** An ISR that it proposed and whose outcome it does not know; 0: none. */
  readonly proposedIsr: BrokerSet;
  /** Members of earlier ISRs, until the present ISR is proven (M7). */
  readonly unprovenIsr: BrokerSet;
  readonly late: LateAnswer | null;
  /** True while it is connected to the former Redis. */
  readonly isAtFormer: boolean;
  readonly hashes: Hashes;
}

export interface Redis {
  /** Commits, the newest last; empty when Redis was wiped. */
  readonly line: readonly Metadata[];
  /** Number of the line: rises each time that Redis loses commits. */
  readonly lineNumber: number;
  /** True when the Redis process that has the line founded or rebuilt it. */
  readonly isConfirmed: boolean;
  readonly hashes: Hashes;
}

/** An acknowledged record; its index in the list is its offset. */
interface Acknowledged {
  readonly record: number;
  readonly reign: number;
  readonly electionId: number;
}

/** A process that acknowledged a record in an election. */
interface Acknowledger {
  readonly electionId: number;
  readonly broker: number;
  readonly brokerEpoch: number;
}

/** Numbers of events that may still happen. */
export interface Budget {
  readonly records: number;
  readonly crashes: number;
  readonly disksLost: number;
  /** Declarations that a broker is dead, rightly or not. */
  readonly deaths: number;
  readonly isrShrinks: number;
  readonly isrGrowths: number;
  /** Times that Redis loses its newest commits. */
  readonly rollbacks: number;
  /** Times that Redis loses everything. */
  readonly wipes: number;
  /** Times that min.insync.replicas is lowered by one. */
  readonly minInsyncLowerings: number;
  /** Times that the partition is moved to the same number of other replicas. */
  readonly moves: number;
  /** Times that a lagging copy takes over while the former Redis still runs. */
  readonly failovers: number;
  readonly lateAnswers: number;
}

export interface Cluster {
  readonly redis: Redis;
  /** A replaced master that still serves brokers which do not know of the new one; null: none. */
  readonly formerRedis: Redis | null;
  readonly brokers: readonly Broker[];
  readonly acknowledged: readonly Acknowledged[];
  readonly acknowledgers: readonly Acknowledger[];
  /** A violation that a step found; null: none. */
  readonly fault: string | null;
  readonly nextRecord: number;
  /** True when a broker may learn the newest commit without those before it. */
  readonly mayPassOver: boolean;
  readonly budget: Budget;
}

export interface Configuration {
  readonly brokers: number;
  readonly minInsyncReplicas: number;
  /** Ids of the first replicas; default: all brokers. */
  readonly replicas?: readonly number[];
  /** Ids of the first ISR; default: all replicas. */
  readonly isr?: readonly number[];
  readonly mayPassOver?: boolean;
  readonly budget: Partial<Budget>;
}

/** Number of versions that one rebuild reserves for commits before the next rebuild. */
export const VERSIONS_PER_REBUILD = 20;

/** Number of leader epochs that one rebuild reserves for elections before the next rebuild. */
export const EPOCHS_PER_REBUILD = 10;

export function initialCluster(configuration: Configuration): Cluster {
  const { brokers, minInsyncReplicas, budget, isr, mayPassOver = false } = configuration;
  const all = (1 << brokers) - 1;
  const replicas = configuration.replicas === undefined ? all : setOf(configuration.replicas);
  const partition: PartitionState = {
    leader: 0,
    leaderEpoch: 1,
    electionId: 1,
    isr: isr === undefined ? replicas : setOf(isr),
    version: 1,
    reign: 1,
  };
  const ids = Array.from({ length: brokers }, (_, id) => id);
  const metadata: Metadata = {
    version: 1,
    changeId: 1,
    partition,
    brokerEpochs: ids.map(() => 1),
    disks: ids.map(() => 0),
    alive: all,
    minInsync: { replicas: minInsyncReplicas, former: minInsyncReplicas, version: 1 },
    replicas,
    move: null,
    hashes: [],
  };
  return {
    redis: { line: [metadata], lineNumber: 0, isConfirmed: true, hashes: [] },
    formerRedis: null,
    brokers: ids.map((id) => newBroker(id, metadata, brokers)),
    acknowledged: [],
    acknowledgers: [],
    fault: null,
    nextRecord: 0,
    mayPassOver,
    budget: {
      records: 0,
      crashes: 0,
      disksLost: 0,
      deaths: 0,
      isrShrinks: 0,
      isrGrowths: 0,
      rollbacks: 0,
      wipes: 0,
      minInsyncLowerings: 0,
      moves: 0,
      failovers: 0,
      lateAnswers: 0,
      ...budget,
    },
  };
}

function newBroker(id: number, metadata: Metadata, brokers: number): Broker {
  return {
    disk: 0,
    log: [],
    syncedEnd: 0,
    journal: metadata,
    promised: 0,
    known: metadata,
    brokerEpoch: 1,
    highWatermark: 0,
    epochStart: id === metadata.partition.leader ? 0 : -1,
    progress: Array.from({ length: brokers }, () => null),
    proposedIsr: 0,
    unprovenIsr: 0,
    late: null,
    isAtFormer: false,
    hashes: [],
  };
}

export function bit(id: number): BrokerSet {
  return 1 << id;
}

export function has(set: BrokerSet, id: number): boolean {
  return (set & (1 << id)) !== 0;
}

export function count(set: BrokerSet): number {
  let members = 0;
  for (let rest = set; rest !== 0; rest &= rest - 1) members += 1;
  return members;
}

function setOf(ids: readonly number[]): BrokerSet {
  return ids.reduce((set, id) => set | bit(id), 0);
}

export function idsOf(set: BrokerSet): number[] {
  const ids: number[] = [];
  for (let id = 0; set >> id !== 0; id += 1) if (has(set, id)) ids.push(id);
  return ids;
}

/** The newest commit in Redis. */
export function headOf(redis: Redis): Metadata | null {
  return redis.line.at(-1) ?? null;
}

/** True when the metadata that a broker knows names its process as the registered one. */
export function isRegistered(broker: Broker, id: number): boolean {
  const { known, brokerEpoch } = broker;
  return known !== null && brokerEpoch !== 0 && known.brokerEpochs[id] === brokerEpoch;
}

/** True when a broker knows itself as the leader and may act as one. */
export function isLeading(broker: Broker, id: number): boolean {
  return broker.known?.partition.leader === id && isRegistered(broker, id);
}

export function brokerAt(cluster: Cluster, id: number): Broker {
  const broker = cluster.brokers[id];
  if (broker === undefined) throw new Error(`there is no broker ${id}`);
  return broker;
}

/** The cluster with one broker changed. */
export function withBroker(cluster: Cluster, id: number, change: Partial<Broker>): Cluster {
  const brokers = [...cluster.brokers];
  brokers[id] = { ...brokerAt(cluster, id), ...change, hashes: [] };
  return { ...cluster, brokers };
}

/** The cluster after an event of limited number. */
export function spent(cluster: Cluster, what: keyof Budget): Cluster {
  return { ...cluster, budget: { ...cluster.budget, [what]: cluster.budget[what] - 1 } };
}
