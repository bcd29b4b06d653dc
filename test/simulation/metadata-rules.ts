import { isDeepStrictEqual } from 'node:util';
import type { ClusterState, PartitionMetadata } from '#coordination';
import { topicPartitionName } from '#protocol';
import type { MetadataObserver } from './simulated-redis.js';
import type { Trace } from './trace.js';

/**
 * Watches the line of commits, whatever becomes of it, for what must hold of leaders, ISRs and
 * epochs (I11, I14), and keeps what other checks need to know of it.
 */
export class MetadataRules implements MetadataObserver {
  /** What the registry has; what it had last while it has nothing. */
  state: ClusterState = NOTHING;
  /** Partitions that were in sync on lost disks alone for a while: nothing is promised of them. */
  readonly lost = new Set<string>();
  /** Elections by topic id, partition and leader epoch; their leaders by election id. */
  readonly #elections = new Map<string, Map<string, number | null>>();
  /** By version: its change id. */
  readonly #versions = new Map<number, string>();
  /** What a broker's lost disk had: the partitions of which it does not have everything again. */
  readonly #missing = new Map<number, Set<string>>();
  /** Brokers and partitions that they have left. */
  readonly #left = new Set<string>();
  /** Operators may do what nobody else may. */
  readonly #uncleanly = new Set<string>();
  /** How often leaders were elected. */
  elections = 0;
  readonly #trace: Trace;
  readonly #violated: (what: string) => void;

  constructor(trace: Trace, violated: (what: string) => void) {
    this.#trace = trace;
    this.#violated = violated;
  }

  /** Whether a leader epoch was given in one election alone, as far as anybody can tell. */
  isSoleElection(topicId: string, partition: number, leaderEpoch: number): boolean {
    return (this.#elections.get(electionKey(topicId, partition, leaderEpoch))?.size ?? 0) <= 1;
  }

  /** A disk is gone with all that was on it. */
  diskLost(brokerId: number): void {
    const names = new Set<string>();
    for (const { name, partition } of partitionsOf(this.state)) {
      if (partition.replicas.includes(brokerId)) names.add(name);
    }
    this.#missing.set(brokerId, names);
    this.#lookForLost();
  }

  /** Brokers whose disks were replaced, and do not have everything again. */
  get brokersMissingRecords(): readonly number[] {
    return [...this.#missing].flatMap(([id, names]) => (names.size > 0 ? [id] : []));
  }

  /** Somebody asks for an unclean election. */
  electsUncleanly(name: string): void {
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
      this.#tell(one, earlier);
      this.#checkElection(one);
      this.#checkState(one, after);
      if (earlier !== undefined && isNext) this.#checkStep(one, earlier);
      this.#noteMoves(one, earlier);
      for (const id of one.partition.isr) {
        if (earlier?.isr.includes(id) !== true) this.#missing.get(id)?.delete(one.name);
      }
    }
    for (const [name, topic] of before.topics) {
      if (isNext && after.topics.get(name)?.id !== topic.id) {
        this.#trace.add('redis', `topic ${name} is deleted in version ${after.version}`);
      }
    }
    this.#lookForLost();
  }

  /** What other brokers keep by now is not missing on a disk; who leaves removes its replica. */
  #noteMoves({ name, partition }: NamedPartition, earlier: PartitionMetadata | undefined): void {
    const { replicas } = partition;
    for (const [id, names] of this.#missing) if (!replicas.includes(id)) names.delete(name);
    for (const id of earlier?.replicas ?? []) {
      if (!replicas.includes(id)) this.#left.add(`${id} ${name}`);
    }
  }

  /**
   * Whether a broker has kept a partition and left it: it begins with nothing when it comes back.
   */
  hasLeft(brokerId: number, name: string): boolean {
    return this.#left.has(`${brokerId} ${name}`);
  }

  #tell({ name, partition }: NamedPartition, earlier: PartitionMetadata | undefined): void {
    const { leader, leaderEpoch, isr, partitionEpoch } = partition;
    const isElection = earlier?.leaderEpoch !== leaderEpoch;
    if (isElection) this.elections += 1;
    const what = isElection ? `is led by ${leader} in epoch ${leaderEpoch}` : 'has another ISR';
    this.#trace.add(
      'redis',
      `${name} ${what}: ISR ${isr.join(',')}, partition epoch ${partitionEpoch}`,
    );
  }

  /** No version is given twice, whatever the registry loses (I11, I14). */
  #checkVersion({ version, changeId }: ClusterState): void {
    const known = this.#versions.get(version);
    this.#versions.set(version, changeId);
    if (known === undefined || known === changeId) return;
    this.#violated(`I14: version ${version} of the metadata was given to two changes`);
  }

  /** An election has one leader, however often it is told, and an epoch one election (I11). */
  #checkElection({ name, topicId, number, partition }: NamedPartition): void {
    const { leader, leaderEpoch, electionId } = partition;
    const key = electionKey(topicId, number, leaderEpoch);
    const ofEpoch = this.#elections.get(key) ?? new Map<string, number | null>();
    this.#elections.set(key, ofEpoch);
    const known = ofEpoch.get(electionId);
    ofEpoch.set(electionId, leader);
    if (ofEpoch.size > 1) {
      this.#violated(`I11: epoch ${leaderEpoch} of ${name} was given to two elections`);
    }
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
    // That the first leader has made its log changes nothing else.
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

  #lookForLost(): void {
    for (const { name, partition } of partitionsOf(this.state)) {
      const isLost = partition.isr.every((id) => this.#missing.get(id)?.has(name) === true);
      if (!isLost || this.lost.has(name)) continue;
      this.#trace.add('checker', `${name} is in sync on lost disks alone`);
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
