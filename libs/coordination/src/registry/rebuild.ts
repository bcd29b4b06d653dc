/**
 * Rebuilding a registry that lost commits, or everything, from what the brokers have on their
 * disks.
 *
 * Why nothing that counted is lost: a commit counts (it was answered, or a high watermark rested on
 * it) once enough members have it on disk: a majority of them where it is about topics, and of a
 * partition's replicas all that are in sync. A rebuild needs a majority of the members, and of each
 * partition's replicas so many (RF - min.insync.replicas + 1) that every possible ISR has one among
 * them. So the newest of what they bring has every commit that counted. Versions of a rebuild begin
 * above all that were given out before, as do its epochs, and every member that takes part writes
 * its number down first, so that two rebuilds never have the same.
 */
import type { Random } from '#runtime';
import type { ClusterState } from '../cluster-state.js';
import type {
  BrokerRegistration,
  DeletedTopic,
  PartitionMetadata,
  TopicMetadata,
} from '../metadata.js';
import { countedReplicas, replicasNeeded } from '../min-insync-replicas.js';
import type { RebuildView } from './registry.js';

/** Versions that one rebuild leaves for the commits before the next one. */
const VERSIONS_PER_REBUILD = 2 ** 32;
/**
 * Leader epochs that one rebuild leaves for the elections before the next one. An absent replica
 * may have accepted, or written in, epochs that nobody who takes part knows of: it is never to be
 * told of a lower one.
 */
const EPOCHS_PER_REBUILD = 2 ** 16;

/** Number of the last rebuild before a version. */
export function rebuildNumberOf(version: number): number {
  return Math.floor(version / VERSIONS_PER_REBUILD);
}

export interface RebuildInput {
  /** Of the round; above those of all rebuilds that the views know. */
  readonly number: number;
  readonly views: readonly RebuildView[];
  /** What the registry still has; undefined when that is nothing whole. */
  readonly remains: ClusterState | undefined;
  /** Members that an operator has given up: their disks are lost, nobody waits for them. */
  readonly givenUp: readonly number[];
  readonly random: Random;
}

export type RebuildOutcome =
  | {
      readonly kind: 'rebuilt';
      readonly state: ClusterState;
      /** Members that were alive and have not come: what they led is led by others. */
      readonly absent: readonly number[];
    }
  /** More members have to come. */
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

/** Views by broker id of those members whose registered disk it is that speaks. */
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

/** Of whom more are needed; undefined: enough are there. */
function lackingVoters(
  { givenUp }: RebuildInput,
  newest: ClusterState,
  voters: ReadonlyMap<number, RebuildView>,
): string | undefined {
  const members = [...newest.brokers.keys()].filter((id) => !givenUp.includes(id));
  const absent = members.filter((id) => !voters.has(id));
  if (voters.size < Math.min(members.length, Math.floor(members.length / 2) + 1)) {
    return `a majority of the brokers ${members.join(', ')}: ${absent.join(', ')} have not come`;
  }
  for (const topic of newest.topics.values()) {
    for (const [partition, metadata] of topic.partitions.entries()) {
      const replicas = countedReplicas(metadata);
      const needed = replicasNeeded(topic, metadata);
      // A sole replica is not waited for: who leads depends on nobody else.
      if (replicas.length === 1) continue;
      const present = replicas.filter((id) => voters.has(id) || givenUp.includes(id)).length;
      if (present >= needed) continue;
      const missing = replicas.filter((id) => absent.includes(id));
      return (
        `${needed} of the replicas ${replicas.join(', ')} of partition ${partition} of topic ` +
        `"${topic.name}": ${missing.join(', ')} have not come`
      );
    }
  }
  return undefined;
}

/** What a rebuild begins with. */
interface Evidence {
  /** All that anybody has brought, and what the registry still has. */
  readonly states: readonly ClusterState[];
  readonly newest: ClusterState;
  readonly voters: ReadonlyMap<number, RebuildView>;
}

/**
 * Leaves every partition its ISR. Its leader goes on in its epoch where its process is here and all
 * replicas are: nobody can have been elected after it. Else it is elected anew, or another one in
 * sync.
 */
function rebuiltTopic(
  topic: TopicMetadata,
  { number: round, random }: RebuildInput,
  { states, newest, voters }: Evidence,
): TopicMetadata {
  const partitions = topic.partitions.map((partition, number): PartitionMetadata => {
    const known = states.flatMap((state) => {
      const same = state.topics.get(topic.name);
      return same?.id === topic.id ? (same.partitions[number] ?? []) : [];
    });
    const partitionEpoch = Math.max(...known.map((one) => one.partitionEpoch)) + 1;
    const isRunning = (id: number): boolean =>
      voters.has(id) && newest.brokers.get(id)?.brokerEpoch === voters.get(id)?.brokerEpoch;
    const { leader: present, isr } = partition;
    const replicas = countedReplicas(partition);
    const isPresentRunning = present !== null && isRunning(present);
    if (isPresentRunning && replicas.every((id) => voters.has(id))) {
      return { ...partition, partitionEpoch };
    }
    const inSync = replicas.filter((id) => isr.includes(id) && voters.has(id));
    const leader = isPresentRunning ? present : (inSync.find(isRunning) ?? inSync[0] ?? null);
    const seen = Math.max(...known.map((one) => one.leaderEpoch)) + 1;
    const leaderEpoch = Math.max(seen, round * EPOCHS_PER_REBUILD);
    return { ...partition, leader, leaderEpoch, electionId: random.uuid(), partitionEpoch };
  });
  return { ...topic, partitions };
}

/** Whoever has come is alive; of the others the controller will see. */
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

/** A deletion that anybody knows of was made: it beats whatever others know of that topic id. */
function tombstonesOf(states: readonly ClusterState[]): Map<string, DeletedTopic> {
  const oldestFirst = states.toSorted((one, other) => one.version - other.version);
  return new Map(oldestFirst.flatMap(({ deletedTopics }) => [...deletedTopics]));
}
