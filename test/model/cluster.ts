/**
 * The state of the model: some brokers that keep the replicas of one partition, and a Redis that
 * keeps the line of commits of their metadata. States are immutable.
 *
 * What is left out, and why that hides nothing: a broker that is down or cut off is one that does
 * nothing for a while, so a crash is one step, from which a new process comes up at once. Messages
 * are delivered in the step that sends them, save answers to fetches, one of which may be late: a
 * request that is late is one of a follower that has not heard of the newest metadata yet.
 */

/** A set of broker ids, one bit each. */
export type BrokerSet = number;

/** Nobody, in place of a broker's id. */
export const NOBODY = -1;

/** What `canonical-hash` has found out about an object, once for each renaming of the brokers. */
type Hashes = number[];

/** What the cluster agreed on about the partition. */
export interface PartitionState {
  readonly leader: number;
  readonly leaderEpoch: number;
  /** Tells two elections of the same epoch apart: the id of the commit that made it. */
  readonly electionId: number;
  readonly isr: BrokerSet;
  /** Of the commit that changed this last. Kafka's partition epoch orders the same. */
  readonly version: number;
  /**
   * When this leader was confirmed last, in the order in which it really happened: for the
   * invariants, no rule may look at it.
   */
  readonly reign: number;
}

/** The setting `min.insync.replicas`. */
interface MinInsync {
  readonly replicas: number;
  /** What it was before it was lowered; the same when it was not. */
  readonly former: number;
  /** Of the commit that lowered it. */
  readonly version: number;
}

/** The partition is on its way to other replicas. */
interface Move {
  readonly to: BrokerSet;
  /** Of the commit that asked for it. */
  readonly version: number;
}

/** One commit of the metadata, with the whole state that it left. */
export interface Metadata {
  readonly version: number;
  /** Tells it from another commit of that version, after Redis was rolled back. */
  readonly changeId: number;
  readonly partition: PartitionState;
  /** By broker id: of its registered process. */
  readonly brokerEpochs: readonly number[];
  /** By broker id: its registered disk. */
  readonly disks: readonly number[];
  readonly alive: BrokerSet;
  readonly minInsync: MinInsync;
  readonly replicas: BrokerSet;
  /** Null while the partition stays where it is. */
  readonly move: Move | null;
  readonly hashes: Hashes;
}

export interface LogEntry {
  readonly leaderEpoch: number;
  readonly electionId: number;
  readonly record: number;
}

/** What a leader knows of a follower, from its last fetch in this epoch. */
interface Progress {
  readonly logEnd: number;
  readonly syncedEnd: number;
  readonly brokerEpoch: number;
  readonly journaledVersion: number;
}

/** An answer to a fetch that is still under way. */
export interface LateAnswer {
  readonly leaderEpoch: number;
  readonly electionId: number;
  readonly fetchOffset: number;
  readonly entries: readonly LogEntry[];
  readonly highWatermark: number;
}

export interface Broker {
  // On disk.
  readonly disk: number;
  readonly log: readonly LogEntry[];
  readonly syncedEnd: number;
  /** Null on an empty disk. */
  readonly journal: Metadata | null;
  /** Number of the newest rebuild that this broker took part in. */
  readonly promised: number;
  // Of the process.
  readonly known: Metadata | null;
  /** Of this process; 0 before it registered. */
  readonly brokerEpoch: number;
  readonly highWatermark: number;
  /** Log end when it began to lead in this epoch; -1 while it does not lead. */
  readonly epochStart: number;
  readonly progress: readonly (Progress | null)[];
  /** An ISR that it proposed and of which it does not know what became; 0: none. */
  readonly proposedIsr: BrokerSet;
  /** Members of earlier ISRs, until the present one is proven: see the rule of the journals. */
  readonly unprovenIsr: BrokerSet;
  readonly late: LateAnswer | null;
  /** Whether it is connected to the former Redis still. */
  readonly isAtFormer: boolean;
  readonly hashes: Hashes;
}

export interface Redis {
  /** The newest commits, the newest last; empty when it was wiped. */
  readonly line: readonly Metadata[];
  /** Which line this is: counts the times that Redis lost commits. */
  readonly lineNumber: number;
  /** Whether the line was founded or rebuilt by the Redis process that has it. */
  readonly isConfirmed: boolean;
  readonly hashes: Hashes;
}

/** A record that was acknowledged, at the offset of its place in the list. */
interface Acknowledged {
  readonly record: number;
  readonly reign: number;
  readonly electionId: number;
}

/** A process that acknowledged something in an election. */
interface Acknowledger {
  readonly electionId: number;
  readonly broker: number;
  readonly brokerEpoch: number;
}

/** What may still happen. */
export interface Budget {
  readonly records: number;
  readonly crashes: number;
  readonly disksLost: number;
  /** Brokers that are taken for dead, rightly or not. */
  readonly deaths: number;
  readonly isrShrinks: number;
  readonly isrGrowths: number;
  /** Times that Redis forgets its newest commits. */
  readonly rollbacks: number;
  /** Times that Redis forgets everything. */
  readonly wipes: number;
  /** Times that min.insync.replicas is lowered by one. */
  readonly minInsyncLowerings: number;
  /** Times that the partition is sent to as many other replicas. */
  readonly moves: number;
  /** Times that a lagging copy takes over from a Redis that lives on for a while. */
  readonly failovers: number;
  readonly lateAnswers: number;
}

export interface Cluster {
  readonly redis: Redis;
  /**
   * A master that was replaced, and serves those who have not heard of that; null: there is none.
   */
  readonly formerRedis: Redis | null;
  readonly brokers: readonly Broker[];
  readonly acknowledged: readonly Acknowledged[];
  readonly acknowledgers: readonly Acknowledger[];
  /** What was seen to go wrong in a step rather than in a state. */
  readonly fault: string | null;
  readonly nextRecord: number;
  /** Whether a broker may act by the newest commit without having acted by those before it. */
  readonly mayPassOver: boolean;
  readonly budget: Budget;
}

export interface Configuration {
  readonly brokers: number;
  readonly minInsyncReplicas: number;
  /** Who keeps the partition at first, as ids; all brokers when absent. */
  readonly replicas?: readonly number[];
  /** The first ISR, as ids; all replicas when absent. */
  readonly isr?: readonly number[];
  readonly mayPassOver?: boolean;
  readonly budget: Partial<Budget>;
}

/** Versions that one rebuild leaves for the commits before the next one. */
export const VERSIONS_PER_REBUILD = 20;

/** Leader epochs that one rebuild leaves for the elections before the next one. */
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

/** The newest commit that Redis has. */
export function headOf(redis: Redis): Metadata | null {
  return redis.line.at(-1) ?? null;
}

/** Whether a broker acts for a process that its metadata knows as registered. */
export function isRegistered(broker: Broker, id: number): boolean {
  const { known, brokerEpoch } = broker;
  return known !== null && brokerEpoch !== 0 && known.brokerEpochs[id] === brokerEpoch;
}

/** Whether a broker takes itself for the leader and may act as one. */
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

/** The cluster after something of which there is only so much. */
export function spent(cluster: Cluster, what: keyof Budget): Cluster {
  return { ...cluster, budget: { ...cluster.budget, [what]: cluster.budget[what] - 1 } };
}
