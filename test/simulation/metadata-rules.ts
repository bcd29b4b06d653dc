import { isDeepStrictEqual } from 'node:util';
import type { ClusterState, PartitionMetadata } from '#coordination';
import { topicPartitionName } from '#protocol';
import type { MetadataObserver } from './simulated-redis.js';
import type { Trace } from './trace.js';

/**
 * Watches the line of commits for the invariants of leaders, ISRs and epochs (I11, I14), and keeps
 * the data that other checks need.
 */
export class MetadataRules implements MetadataObserver {
  /** The state in the registry, or its last one while the registry is empty. */
  state: ClusterState = NOTHING;
  /** Partitions whose ISR was on lost disks only for some time: their records may be lost. */
  readonly lost = new Set<string>();
  /** Leaders by topic id, partition and leader epoch, then by election id. */
  readonly #elections = new Map<string, Map<string, number | null>>();
  /** Ids of the elections that a replica has had on its disk, by the same keys. */
  readonly #learnedElections = new Map<string, Set<string>>();
  /** Change ids by version. */
  readonly #versions = new Map<number, string>();
  /** Partitions by broker whose records a broker lost with its disk and does not have again yet. */
  readonly #missing = new Map<number, Set<string>>();
  /** Brokers and partitions that they have left. */
  readonly #left = new Set<string>();
  /** Partitions with an unclean election by the operator. */
  readonly #uncleanly = new Set<string>();
  /** Number of elections. */
  elections = 0;
  readonly #trace: Trace;
  readonly #violated: (what: string) => void;

  constructor(trace: Trace, violated: (what: string) => void) {
    this.#trace = trace;
    this.#violated = violated;
  }

  /** True when replicas have had at most one election of a leader epoch on their disks. */
  isSoleElection(topicId: string, partition: number, leaderEpoch: number): boolean {
    const key = electionKey(topicId, partition, leaderEpoch);
    return (this.#learnedElections.get(key)?.size ?? 0) <= 1;
  }

  /** Records that a broker's disk was lost. */
  diskLost(brokerId: number): void {
    const names = new Set<string>();
    for (const { name, partition } of partitionsOf(this.state)) {
      if (partition.replicas.includes(brokerId)) names.add(name);
    }
    this.#missing.set(brokerId, names);
    this.#findLostPartitions();
  }

  /** Brokers with replaced disks that do not have all records again. */
  get brokersMissingRecords(): readonly number[] {
    return [...this.#missing].flatMap(([id, names]) => (names.size > 0 ? [id] : []));
  }

  /** Records that the operator requests an unclean election. */
  recordUncleanElection(name: string): void {
    this.#uncleanly.add(name);
  }

  changed(before: ClusterState, after: ClusterState, isNext: boolean): void {
    if (!isNext) {
      const how = after.version === 0 ? 'is empty' : `is at version ${after.version}`;
      this.#trace.add('redis', `${how}, after ${before.version}`);
    }
    if (after.version === 0) return;
    this.#checkVersion(after);
    const known = new Map(
      Array.from(partitionsOf(isNext ? before : this.state), (one) => [one.key, one]),
    );
    this.state = after;
    for (const one of partitionsOf(after)) {
      const earlier = known.get(one.key)?.partition;
      if (isDeepStrictEqual(earlier, one.partition)) continue;
      this.#traceChange(one, earlier);
      this.#checkElection(one);
      this.#checkState(one, after);
      if (earlier !== undefined && isNext) this.#checkStep(one, earlier);
      this.#recordMoves(one, earlier);
      for (const id of one.partition.isr) {
        if (earlier?.isr.includes(id) !== true) this.#missing.get(id)?.delete(one.name);
      }
    }
    for (const [name, topic] of before.topics) {
      if (isNext && after.topics.get(name)?.id !== topic.id) {
        this.#trace.add('redis', `topic ${name} is deleted in version ${after.version}`);
      }
    }
    this.#findLostPartitions();
  }

  /**
   * Checks that an epoch has one election (I11). An election that Redis lost before any replica had
   * it on disk has had no effect: a rebuild with all replicas continues before it, and the next
   * election has its epoch.
   */
  learned(brokerId: number, state: ClusterState): void {
    for (const { name, topicId, number, partition } of partitionsOf(state)) {
      const { replicas, leaderEpoch, electionId } = partition;
      if (!replicas.includes(brokerId)) continue;
      const key = electionKey(topicId, number, leaderEpoch);
      const ofEpoch = this.#learnedElections.get(key) ?? new Set<string>();
      if (ofEpoch.has(electionId)) continue;
      this.#learnedElections.set(key, ofEpoch.add(electionId));
      if (ofEpoch.size > 1) {
        this.#violated(`I11: epoch ${leaderEpoch} of ${name} has two elections`);
      }
    }
  }

  /**
   * Updates lost and left partitions: a moved partition is not missing on a disk, and a leaving
   * broker removes its replica.
   */
  #recordMoves({ name, partition }: NamedPartition, earlier: PartitionMetadata | undefined): void {
    const { replicas } = partition;
    for (const [id, names] of this.#missing) if (!replicas.includes(id)) names.delete(name);
    for (const id of earlier?.replicas ?? []) {
      if (!replicas.includes(id)) this.#left.add(`${id} ${name}`);
    }
  }

  /** True when a broker had a replica and left it: it begins empty when it returns. */
  hasLeft(brokerId: number, name: string): boolean {
    return this.#left.has(`${brokerId} ${name}`);
  }

  #traceChange({ name, partition }: NamedPartition, earlier: PartitionMetadata | undefined): void {
    const { leader, leaderEpoch, isr, partitionEpoch } = partition;
    const isElection = earlier?.leaderEpoch !== leaderEpoch;
    if (isElection) this.elections += 1;
    const what = isElection ? `is led by ${leader} in epoch ${leaderEpoch}` : 'has another ISR';
    this.#trace.add(
      'redis',
      `${name} ${what}: ISR ${isr.join(',')}, partition epoch ${partitionEpoch}`,
    );
  }

  /** Checks that no version is used twice, whatever the registry loses (I11, I14). */
  #checkVersion({ version, changeId }: ClusterState): void {
    const known = this.#versions.get(version);
    this.#versions.set(version, changeId);
    if (known === undefined || known === changeId) return;
    this.#violated(`I14: version ${version} of the metadata has two commits`);
  }

  /** Checks that an election has one leader (I11). */
  #checkElection({ name, topicId, number, partition }: NamedPartition): void {
    const { leader, leaderEpoch, electionId } = partition;
    const key = electionKey(topicId, number, leaderEpoch);
    const ofEpoch = this.#elections.get(key) ?? new Map<string, number | null>();
    this.#elections.set(key, ofEpoch);
    const known = ofEpoch.get(electionId);
    ofEpoch.set(electionId, leader);
    if (known !== undefined && known !== leader) {
      this.#violated(
        `I11: election ${electionId} of ${name} in epoch ${leaderEpoch} has two leaders`,
      );
    }
  }

  #checkState({ name, partition }: NamedPartition, { brokers }: ClusterState): void {
    const { leader, isr, replicas } = partition;
    if (!isr.every((id) => replicas.includes(id))) {
      this.#violated(`I11: the ISR ${isr.join(',')} of ${name} is not of its replicas`);
    }
    if (leader === null) return;
    if (!isr.includes(leader)) this.#violated(`I11: ${name} is led by ${leader}, not in sync`);
    if (brokers.get(leader)?.alive !== true) this.#violated(`${name} is led by a dead ${leader}`);
  }

  #checkStep({ name, partition }: NamedPartition, earlier: PartitionMetadata): void {
    const { leader, leaderEpoch, electionId, partitionEpoch } = partition;
    // The creation of the first leader's log changes nothing else.
    if (earlier.isNew && isDeepStrictEqual(partition, { ...earlier, isNew: false })) return;
    if (partitionEpoch !== earlier.partitionEpoch + 1) {
      this.#violated(
        `I14: ${name} has partition epoch ${partitionEpoch} behind ${earlier.partitionEpoch}`,
      );
    }
    if (leaderEpoch < earlier.leaderEpoch) {
      this.#violated(`I11: ${name} has leader epoch ${leaderEpoch} behind ${earlier.leaderEpoch}`);
    }
    const isSameEpoch = leaderEpoch === earlier.leaderEpoch;
    if (isSameEpoch && (leader !== earlier.leader || electionId !== earlier.electionId)) {
      this.#violated(`I11: the leader of ${name} changed in epoch ${leaderEpoch}`);
    }
    const isClean = leader === null || earlier.isr.includes(leader);
    if (!isClean && !this.#uncleanly.delete(name)) {
      this.#violated(`I11: ${name} is led by ${leader}, which was not in sync before`);
    }
  }

  #findLostPartitions(): void {
    for (const { name, partition } of partitionsOf(this.state)) {
      const isLost = partition.isr.every((id) => this.#missing.get(id)?.has(name) === true);
      if (!isLost || this.lost.has(name)) continue;
      this.#trace.add('checker', `${name} has only lost disks in its ISR`);
      this.lost.add(name);
    }
  }
}

interface NamedPartition {
  readonly key: string;
  readonly name: string;
  readonly topicId: string;
  readonly number: number;
  readonly partition: PartitionMetadata;
}

const NOTHING: ClusterState = {
  version: 0,
  changeId: '',
  controller: null,
  brokers: new Map(),
  topics: new Map(),
  deletedTopics: new Map(),
};

function* partitionsOf({ topics }: ClusterState): Iterable<NamedPartition> {
  for (const { name: topic, id: topicId, partitions } of topics.values()) {
    for (const [number, partition] of partitions.entries()) {
      const name = topicPartitionName({ topic, partition: number });
      yield { key: `${topicId} ${number}`, name, topicId, number, partition };
    }
  }
}

function electionKey(topicId: string, partition: number, leaderEpoch: number): string {
  return `${topicId} ${partition} ${leaderEpoch}`;
}
