/**
 * The permissions that forwarded requests need, by peer method. The broker that serves a request
 * decides by this table once more, by the rules that it knows itself.
 */
import type { TopicPartition } from '#protocol';
import type { PeerMethod } from '#replication';
import type { AclOperation, Need } from '#security';

/** The members of requests that name topics and groups; each method has some of them. */
interface NamedResources {
  readonly group: string;
  readonly topic: string;
  readonly place: TopicPartition;
  readonly offsets: readonly TopicPartition[];
  readonly acks: readonly TopicPartition[];
  readonly ends: readonly TopicPartition[];
  readonly targets: readonly TopicPartition[];
  readonly sourceTopic: string | null;
  readonly request: { readonly topics: readonly (string | { readonly pattern: string })[] };
}

/** The needs of a method: of its own brokers alone, of each append, or of the request. */
export type PeerNeeds = 'broker' | 'each append' | ((body: NamedResources) => readonly Need[]);

const ALTER_CLUSTER: Need = {
  operation: 'Alter',
  resource: { type: 'cluster', name: 'cluster' },
};

function onTopic(operation: AclOperation, name: string): Need {
  return { operation, resource: { type: 'topic', name } };
}

function onGroup(operation: AclOperation): PeerNeeds {
  return ({ group }) => [groupNeed(operation, group)];
}

function groupNeed(operation: AclOperation, name: string): Need {
  return { operation, resource: { type: 'group', name } };
}

/** Read on the group, and on each topic. */
function readOf(group: string, topics: readonly TopicPartition[]): readonly Need[] {
  const names = new Set(topics.map(({ topic }) => topic));
  return [groupNeed('Read', group), ...Array.from(names, (name) => onTopic('Read', name))];
}

/** A pattern is sent for a caller who may read every topic. */
function topicOfChoice(choice: NamedResources['request']['topics'][number]): string {
  return typeof choice === 'string' ? choice : '*';
}

export const PEER_NEEDS: Readonly<Record<PeerMethod, PeerNeeds>> = {
  'replica-fetch': 'broker',
  'exchange-revocations': 'broker',
  'security-commits': 'broker',
  'redeem-ticket': 'broker',
  'partition-status': 'broker',
  'apply-metadata': 'broker',
  'list-delayed': 'broker',
  'group-watch': 'broker',
  'group-heartbeats': 'broker',
  // The broker that was asked leaves out what its caller may not describe.
  'group-list': 'broker',
  'queue-delivery': 'broker',
  'queue-floors': 'broker',
  produce: 'each append',
  fetch: ({ topic }) => [onTopic('Read', topic)],
  'list-offset': ({ topic }) => [onTopic('Describe', topic)],
  'delete-records': ({ topic }) => [onTopic('Delete', topic)],
  'give-up-lost-records': () => [ALTER_CLUSTER],
  'commit-offsets': ({ group, offsets }) => readOf(group, offsets),
  'committed-offsets': onGroup('Describe'),
  'group-join': ({ group, request }) => [
    groupNeed('Read', group),
    ...request.topics.map((choice) => onTopic('Read', topicOfChoice(choice))),
  ],
  'group-heartbeat': onGroup('Read'),
  'group-poll': onGroup('Read'),
  'group-waiting-view': onGroup('Read'),
  'group-member-commit': ({ group, offsets }) => readOf(group, offsets),
  'group-leave': onGroup('Read'),
  'group-describe': onGroup('Describe'),
  'group-delete': onGroup('Delete'),
  'group-configs': onGroup('DescribeConfigs'),
  'group-alter-configs': onGroup('AlterConfigs'),
  'queue-poll': onGroup('Read'),
  'queue-acks': ({ group, acks }) => readOf(group, acks),
  'queue-records': onGroup('Describe'),
  'queue-redrive-progress': onGroup('Describe'),
  'queue-purge': ({ group, ends }) => readOf(group, ends),
  'queue-reset': ({ group, targets }) => readOf(group, targets),
  'queue-cancel': ({ group, place }) => readOf(group, [place]),
  'queue-redrive': ({ group, sourceTopic }) => [
    groupNeed('Read', group),
    ...(sourceTopic === null ? [] : [onTopic('Write', sourceTopic)]),
  ],
};
