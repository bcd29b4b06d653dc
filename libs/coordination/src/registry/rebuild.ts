/**
 * Rebuilds a registry that lost commits, or everything, from the journals on the brokers' disks.
 *
 * No commit that took effect is lost: a commit takes effect (it is answered, or a high watermark
 * depends on it) once enough members have it on disk: a majority of them for changes of topics, and
 * all in-sync replicas for a partition. A rebuild needs a majority of the members, and of each
 * partition's replicas enough (RF - min.insync.replicas + 1) that every possible ISR has one among
 * them. So the newest of their states has every commit that took effect. Versions of a rebuild
 * begin above all that were used before, as do its epochs, and every participant journals its
 * number first, so that two rebuilds never have the same number.
 */
import { ProtocolError } from '#protocol';
import type { Random } from '#runtime';
import type { ClusterState } from '../cluster-state.js';
import type {
  BrokerRegistration,
  DeletedTopic,
  PartitionMetadata,
  TopicMetadata,
} from '../metadata.js';
import { countedReplicas, replicasNeededByRebuild } from '../min-insync-replicas.js';
import type { RebuildView } from './registry.js';

/** Number of versions that one rebuild reserves for commits before the next rebuild. */
export const VERSIONS_PER_REBUILD = 2 ** 32;
/**
 * Number of leader epochs that one rebuild reserves for elections before the next rebuild. An
 * absent replica may have accepted, or written in, epochs that no participant knows: it must never
 * see a lower one.
 */
const EPOCHS_PER_REBUILD = 2 ** 16;

/** Number of the last rebuild before a version. */
export function rebuildNumberOf(version: number): number {
  return Math.floor(version / VERSIONS_PER_REBUILD);
}

/** The version that the last rebuild before a version has made. */
export function rebuildVersionOf(version: number): number {
  return rebuildNumberOf(version) * VERSIONS_PER_REBUILD;
}

/**
 * Returns how many disks have a commit.
 * @param version the commit's
 * @param known newest version that the asking broker knows
 * @param onDisk newest version on the disk of each member, as far as it is known
 * @throws ProtocolError BROKER_NOT_AVAILABLE, outcome `unknown`, when a rebuild came after the
 *   commit: its versions are higher and say nothing about what it kept
 */
export function countJournaled(version: number, known: number, onDisk: readonly number[]): number {
  const rebuild = rebuildNumberOf(version);
  if ([known, ...onDisk].some((each) => rebuildNumberOf(each) > rebuild)) {
    throw new ProtocolError(
      'BROKER_NOT_AVAILABLE',
      'Redis lost data and was rebuilt from the brokers meanwhile: the change may be lost. Check whether it was applied, or repeat it.',
      { outcome: 'unknown' },
    );
  }
  return onDisk.filter((each) => each >= version).length;
}

export interface RebuildInput {
  /** Number of the round; above those of all rebuilds that the views know. */
  readonly number: number;
  readonly views: readonly RebuildView[];
  /** State that the registry still has; undefined when that is incomplete. */
  readonly remains: ClusterState | undefined;
  /**
   * Members that an operator has excluded: their disks are lost, and the rebuild does not wait for
   * them.
   */
  readonly givenUp: readonly number[];
  readonly random: Random;
}

export type RebuildOutcome =
  | {
      readonly kind: 'rebuilt';
      readonly state: ClusterState;
      /** Members that were alive and do not take part: other replicas lead their partitions. */
      readonly absent: readonly number[];
    }
  /** More members have to take part. */
  | { readonly kind: 'waiting'; readonly for: string };

export function rebuiltState(input: RebuildInput): RebuildOutcome {
  const { number, views, remains, random } = input;
  const states = views.map(({ state }) => state);
  if (remains !== undefined) states.push(remains);
  const newest = states.reduce((best, state) => (state.version > best.version ? state : best));
  const voters = votersOf(input, newest);
  const lacking = lackingVoters(input, newest, voters);
  if (lacking !== undefined) return { kind: 'waiting', for: lacking };
  const deletedTopics = tombstonesOf(states);
  const topics = new Map<string, TopicMetadata>();
  for (const topic of newest.topics.values()) {
    if (deletedTopics.has(topic.id)) continue;
    topics.set(topic.name, rebuiltTopic(topic, input, { states, newest, voters }));
  }
  const absent = [...newest.brokers.values()]
    .filter(({ id, alive }) => alive && !voters.has(id) && !input.givenUp.includes(id))
    .map(({ id }) => id);
  return {
    kind: 'rebuilt',
    absent,
    state: {
      version: number * VERSIONS_PER_REBUILD,
      changeId: random.uuid(),
      controller: newest.controller,
      brokers: rebuiltBrokers(newest, voters),
      topics,
      deletedTopics,
    },
  };
}

/** Views by broker id, of members whose disk is the registered one. */
function votersOf(
  { views, givenUp }: RebuildInput,
  newest: ClusterState,
): ReadonlyMap<number, RebuildView> {
  const voters = views.filter(({ brokerId, dataDirUuid }) => {
    const registered = newest.brokers.get(brokerId);
    return registered?.dataDirUuid === dataDirUuid && !givenUp.includes(brokerId);
  });
  return new Map(voters.map((view) => [view.brokerId, view]));
}

/** The participants that are still missing, in words; undefined when there are enough. */
function lackingVoters(
  { givenUp }: RebuildInput,
  newest: ClusterState,
  voters: ReadonlyMap<number, RebuildView>,
): string | undefined {
  const members = [...newest.brokers.keys()].filter((id) => !givenUp.includes(id));
  const absent = members.filter((id) => !voters.has(id));
  if (voters.size < Math.min(members.length, Math.floor(members.length / 2) + 1)) {
    return `a majority of the brokers ${members.join(', ')}: ${absent.join(', ')} have not joined`;
  }
  for (const topic of newest.topics.values()) {
    for (const [partition, metadata] of topic.partitions.entries()) {
      const replicas = countedReplicas(metadata);
      const requiredCount = replicasNeededByRebuild(topic, metadata);
      // A sole replica is not waited for: the election depends on no other.
      if (replicas.length === 1) continue;
      const presentCount = replicas.filter((id) => voters.has(id) || givenUp.includes(id)).length;
      if (presentCount >= requiredCount) continue;
      const missing = replicas.filter((id) => absent.includes(id));
      return (
        `${requiredCount} of the replicas ${replicas.join(', ')} of partition ${partition} of topic ` +
        `"${topic.name}": ${missing.join(', ')} have not joined`
      );
    }
  }
  return undefined;
}

/** Input of a rebuild. */
interface Evidence {
  /** All states that participants have published, and the one that the registry still has. */
  readonly states: readonly ClusterState[];
  readonly newest: ClusterState;
  readonly voters: ReadonlyMap<number, RebuildView>;
}

/**
 * Keeps the ISR of every partition. Its leader continues in its epoch when its process and all
 * replicas take part: no other can have been elected after it. Otherwise it is elected again, or
 * another in-sync replica.
 */
function rebuiltTopic(
  topic: TopicMetadata,
  { number: round, random }: RebuildInput,
  { states, newest, voters }: Evidence,
): TopicMetadata {
  const partitions = topic.partitions.map((partition, number): PartitionMetadata => {
    const candidates = states.flatMap((state) => {
      const same = state.topics.get(topic.name);
      return same?.id === topic.id ? (same.partitions[number] ?? []) : [];
    });
    const partitionEpoch = Math.max(...candidates.map((candidate) => candidate.partitionEpoch)) + 1;
    const isRunning = (id: number): boolean =>
      voters.has(id) && newest.brokers.get(id)?.brokerEpoch === voters.get(id)?.brokerEpoch;
    const { leader: currentLeader, isr } = partition;
    const replicas = countedReplicas(partition);
    const isPresentRunning = currentLeader !== null && isRunning(currentLeader);
    if (isPresentRunning && replicas.every((id) => voters.has(id))) {
      return { ...partition, partitionEpoch };
    }
    const inSync = replicas.filter((id) => isr.includes(id) && voters.has(id));
    const leader = isPresentRunning ? currentLeader : (inSync.find(isRunning) ?? inSync[0] ?? null);
    const nextLeaderEpoch = Math.max(...candidates.map((candidate) => candidate.leaderEpoch)) + 1;
    const leaderEpoch = Math.max(nextLeaderEpoch, round * EPOCHS_PER_REBUILD);
    return { ...partition, leader, leaderEpoch, electionId: random.uuid(), partitionEpoch };
  });
  return { ...topic, partitions };
}

/** Participants are alive; the controller checks the others later. */
function rebuiltBrokers(
  { brokers }: ClusterState,
  voters: ReadonlyMap<number, RebuildView>,
): Map<number, BrokerRegistration> {
  const rebuilt = new Map<number, BrokerRegistration>();
  for (const broker of brokers.values()) {
    rebuilt.set(broker.id, voters.has(broker.id) ? { ...broker, alive: true } : broker);
  }
  return rebuilt;
}

/**
 * A deletion that any participant knows was committed: it overrides all other views of that topic
 * id.
 */
function tombstonesOf(states: readonly ClusterState[]): Map<string, DeletedTopic> {
  const oldestFirst = states.toSorted((left, right) => left.version - right.version);
  return new Map(oldestFirst.flatMap(({ deletedTopics }) => [...deletedTopics]));
}
