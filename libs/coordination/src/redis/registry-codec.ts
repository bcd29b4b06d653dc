/**
 * The encoding of metadata in Redis: commits of the stream, and one key per object for people to
 * read.
 */
import { AssertionError, assertNever } from '#runtime';
import type { ClusterState, CommitName, MetadataCommit } from '../cluster-state.js';
import type {
  ControllerMetadata,
  DeletedTopic,
  MetadataChange,
  PartitionMetadata,
  TopicMetadata,
} from '../metadata.js';
import {
  type BrokerDocument,
  brokerDocument,
  brokerRegistration,
  type PartitionDocument,
  partitionDocument,
  partitionMetadata,
  type TopicFields,
  topicFields,
  topicMetadata,
} from '../registry-documents.js';
import { IncompleteRegistryError } from '../registry-errors.js';
import type { RedisKeys } from './redis-keys.js';

/** A write to one key, as `apply_writes.lua` executes it. */
export interface RedisWrite {
  readonly key: string;
  readonly verb: 'set' | 'delete' | 'add' | 'remove' | 'append';
  readonly value: string;
}

/** An entry of a stream: its id, then alternating fields and values. */
export type StreamEntry = [id: string, fields: string[]];

/** Reply of `snapshot.lua`; null for a missing value. */
export type SnapshotReply = [
  cluster: string | null,
  version: string | null,
  controller: string | null,
  brokers: (string | null)[],
  topics: (string | null | (string | null)[])[],
  deletedTopics: string[],
  knownChangeId: string | null,
  isConfirmed: 0 | 1,
];

/** A topic without its partitions, which have keys of their own. */
interface RedisTopicDocument extends TopicFields {
  /** Number of partitions. */
  readonly partitions: number;
}

/** The writes that bring the keys from `before` to the state after these changes. */
export function writesFor(
  keys: RedisKeys,
  before: ClusterState,
  changes: readonly MetadataChange[],
): RedisWrite[] {
  const partitionCounts = new Map<string, number>();
  return changes.flatMap((change): RedisWrite[] => {
    switch (change.kind) {
      case 'broker': {
        const { id } = change.broker;
        const broker = JSON.stringify(brokerDocument(change.broker));
        return [set(keys.broker(id), broker), write('add', keys.brokerIds, String(id))];
      }
      case 'broker-removed':
        return [
          write('remove', keys.brokerIds, String(change.id)),
          ...brokerKeys(keys, change.id).map((key) => write('delete', key)),
        ];
      case 'controller':
        if (change.controller === null) return [write('delete', keys.controller)];
        return [set(keys.controller, JSON.stringify(change.controller))];
      case 'topic':
        partitionCounts.set(change.topic.name, change.topic.partitions.length);
        return topicWrites(keys, before.topics.get(change.topic.name), change.topic);
      case 'partitions':
        return change.partitions.map(({ partition, state }) =>
          partitionWrite(keys, change.topic, partition, state),
        );
      case 'topic-deleted': {
        const { name } = change.topic;
        const count = partitionCounts.get(name) ?? before.topics.get(name)?.partitions.length ?? 0;
        return [
          write('remove', keys.topicNames, name),
          write('delete', keys.topic(name)),
          ...Array.from({ length: count }, (_, partition) =>
            write('delete', keys.partition(name, partition)),
          ),
          write('append', keys.deletedTopics, JSON.stringify(change.topic)),
        ];
      }
      case 'topic-forgotten':
        throw new AssertionError('a "topic-forgotten" change is never committed');
      default:
        return assertNever(change, 'a change of metadata');
    }
  });
}

/** The commit of an entry that `commit.lua` appended. */
export function commitOf([id, fields]: StreamEntry): MetadataCommit {
  const [, changeId = '', , previousChangeId = '', , changes = '[]'] = fields;
  return {
    version: Number(id.slice(0, id.indexOf('-'))),
    changeId,
    previousChangeId,
    changes: JSON.parse(changes) as MetadataChange[],
  };
}

/** Parses `<version> <change id>`. */
export function parseVersion(text: string): CommitName {
  const space = text.indexOf(' ');
  return { version: Number(text.slice(0, space)), changeId: text.slice(space + 1) };
}

/**
 * The state in a snapshot.
 * @throws IncompleteRegistryError when a value is missing that another value refers to
 */
export function stateOfSnapshot(reply: SnapshotReply): ClusterState {
  const [, version, controller, brokers, topics, deletedTopics] = reply;
  const deleted = deletedTopics.map((text) => JSON.parse(text) as DeletedTopic);
  return {
    ...parseVersion(present(version, 'the version')),
    controller: controller === null ? null : (JSON.parse(controller) as ControllerMetadata),
    brokers: new Map(
      inGroupsOf(2, brokers).map(([id, text]) => {
        const document = JSON.parse(present(text, `broker ${id}`)) as BrokerDocument;
        return [document.id, brokerRegistration(document)];
      }),
    ),
    topics: new Map(
      inGroupsOf(3, topics).map(([name, topic, states]) => [
        name as string,
        topicOf(name as string, topic as string | null, states as (string | null)[]),
      ]),
    ),
    deletedTopics: new Map(deleted.map((topic) => [topic.id, topic])),
  };
}

function topicOf(name: string, text: string | null, states: (string | null)[]): TopicMetadata {
  const document = JSON.parse(present(text, `topic "${name}"`)) as RedisTopicDocument;
  const partitions = Array.from({ length: document.partitions }, (_, partition) => {
    const state = present(states[partition], `partition ${partition} of topic "${name}"`);
    return partitionMetadata(JSON.parse(state) as PartitionDocument);
  });
  return topicMetadata(name, document, partitions);
}

function topicWrites(
  keys: RedisKeys,
  before: TopicMetadata | undefined,
  topic: TopicMetadata,
): RedisWrite[] {
  const { id, name, partitions } = topic;
  const document: RedisTopicDocument = { ...topicFields(topic), partitions: partitions.length };
  const partitionsBefore = before?.id === id ? before.partitions : [];
  const writes = [
    set(keys.topic(name), JSON.stringify(document)),
    write('add', keys.topicNames, name),
  ];
  for (const [partition, state] of partitions.entries()) {
    if (state !== partitionsBefore[partition]) {
      writes.push(partitionWrite(keys, name, partition, state));
    }
  }
  return writes;
}

function partitionWrite(
  keys: RedisKeys,
  topic: string,
  partition: number,
  state: PartitionMetadata,
): RedisWrite {
  return set(keys.partition(topic, partition), JSON.stringify(partitionDocument(state)));
}

function brokerKeys(keys: RedisKeys, id: number): string[] {
  return [keys.broker(id), keys.lease(id), keys.journaled(id)];
}

function set(key: string, value: string): RedisWrite {
  return write('set', key, value);
}

function write(verb: RedisWrite['verb'], key: string, value = ''): RedisWrite {
  return { verb, key, value };
}

function present(value: string | null | undefined, what: string): string {
  if (value === null || value === undefined) {
    throw new IncompleteRegistryError(`Redis lacks ${what}`);
  }
  return value;
}

function inGroupsOf<T>(size: number, items: readonly T[]): T[][] {
  const groups: T[][] = [];
  for (let start = 0; start < items.length; start += size)
    groups.push(items.slice(start, start + size));
  return groups;
}

/** The changes that create this state from an empty one. */
export function changesFromEmpty(state: ClusterState): MetadataChange[] {
  const { brokers, controller, topics, deletedTopics } = state;
  return [
    ...Array.from(brokers.values(), (broker) => ({ kind: 'broker' as const, broker })),
    ...(controller === null ? [] : [{ kind: 'controller' as const, controller }]),
    // Deletions come before the topics: a topic may have the name of a deleted one.
    ...Array.from(deletedTopics.values(), (topic) => ({ kind: 'topic-deleted' as const, topic })),
    ...Array.from(topics.values(), (topic) => ({ kind: 'topic' as const, topic })),
  ];
}
