import { effectiveConfigTexts, TOPIC_CONFIG_KEYS, type TopicConfigOverrides } from '#protocol';
import type { ApiExample } from './api-example.js';
import { answers, EXAMPLE_TOPIC_ID, json, problem } from './example-parts.js';

const ORDERS = '/v1/topics/orders';
const NOWHERE = '/v1/topics/nowhere';

const NO_SUCH_TOPIC = 'There is no topic "nowhere".';

export const TOPIC_EXAMPLES: readonly ApiExample[] = [
  {
    name: 'orders',
    operationId: 'createTopic',
    summary: 'A topic of two partitions whose records are kept for a day',
    request: {
      body: json({ name: 'orders', partitions: 2, configs: { 'retention.ms': 86_400_000 } }),
    },
    response: answers(201, topic('orders', 2, { 'retention.ms': '86400000' })),
  },
  {
    name: 'exists',
    operationId: 'createTopic',
    summary: 'The name is taken',
    request: { body: json({ name: 'orders' }) },
    response: problem({
      code: 'TOPIC_ALREADY_EXISTS',
      detail: 'There is a topic "orders" already.',
      instance: '/v1/topics',
      isWrite: true,
    }),
  },
  {
    name: 'badName',
    operationId: 'createTopic',
    summary: 'A name with a space',
    request: { body: json({ name: 'new orders' }) },
    response: problem({
      code: 'INVALID_TOPIC_EXCEPTION',
      detail: 'a topic name has only the characters a-z, A-Z, 0-9, ".", "_" and "-".',
      instance: '/v1/topics',
      isWrite: true,
      faults: [
        {
          pointer: '/name',
          detail: 'a topic name has only the characters a-z, A-Z, 0-9, ".", "_" and "-"',
        },
      ],
    }),
  },
  {
    name: 'badMembers',
    operationId: 'createTopic',
    summary: 'Two faults at once',
    request: { body: json({ name: 'more-orders', partitions: 'two', colour: 'red' }) },
    response: problem({
      code: 'INVALID_REQUEST',
      detail: '/colour: is not a known member; and 1 more.',
      instance: '/v1/topics',
      isWrite: true,
      faults: [
        { pointer: '/colour', detail: 'is not a known member' },
        { pointer: '/partitions', detail: 'must be a whole number of at most 2147483647' },
      ],
    }),
  },
  {
    name: 'badConfig',
    operationId: 'createTopic',
    summary: 'A config with a value that is not accepted',
    request: { body: json({ name: 'more-orders', configs: { 'cleanup.policy': 'shred' } }) },
    response: problem({
      code: 'INVALID_CONFIG',
      detail: 'cleanup.policy accepts "delete", "compact" or "compact,delete".',
      instance: '/v1/topics',
      isWrite: true,
      faults: [
        {
          pointer: '/configs/cleanup.policy',
          detail: 'cleanup.policy accepts "delete", "compact" or "compact,delete"',
        },
      ],
    }),
  },
  {
    name: 'preferred',
    operationId: 'electLeader',
    summary: 'The first replica, which already leads',
    request: { path: { topic: 'orders', partition: 1 }, body: json({ type: 'preferred' }) },
    response: answers(200, emptyPartition(1)),
  },
  {
    name: 'badType',
    operationId: 'electLeader',
    summary: 'An unknown type',
    request: { path: { topic: 'orders', partition: 1 }, body: json({ type: 'any' }) },
    response: problem({
      code: 'INVALID_REQUEST',
      detail: '/type: must be "preferred" or "unclean".',
      instance: '/v1/topics/orders/partitions/1/leader-election',
      isWrite: true,
      faults: [{ pointer: '/type', detail: 'must be "preferred" or "unclean"' }],
    }),
  },
  {
    name: 'present',
    operationId: 'reassignReplicas',
    summary: 'The broker that already has it: nothing moves',
    request: { path: { topic: 'orders', partition: 1 }, body: json({ replicas: [0] }) },
    response: answers(200, emptyPartition(1)),
  },
  {
    name: 'noSuchBroker',
    operationId: 'reassignReplicas',
    summary: 'A broker that does not exist, and one that is named twice',
    request: { path: { topic: 'orders', partition: 1 }, body: json({ replicas: [0, 7, 0] }) },
    response: problem({
      code: 'INVALID_REQUEST',
      detail: 'the cluster has no broker 7; broker 0 is named twice.',
      instance: '/v1/topics/orders/partitions/1/replicas',
      isWrite: true,
      faults: [
        { pointer: '/replicas/1', detail: 'the cluster has no broker 7' },
        { pointer: '/replicas/2', detail: 'broker 0 is named twice' },
      ],
    }),
  },
  {
    name: 'still',
    operationId: 'describeReplicas',
    summary: 'One replica, and no move',
    request: { path: { topic: 'orders', partition: 1 } },
    response: answers(200, {
      topic: 'orders',
      partition: 1,
      leader: 0,
      replicas: [0],
      isr: [0],
      addingReplicas: [],
      removingReplicas: [],
      progress: [{ broker: 0, logEndOffset: 0, lag: 0 }],
    }),
  },
  {
    name: 'all',
    operationId: 'listTopics',
    summary: 'All topics but internal ones',
    request: {},
    response: answers(200, { topics: [topic('orders', 2, { 'retention.ms': '86400000' })] }),
  },
  {
    name: 'badQuery',
    operationId: 'listTopics',
    summary: 'A parameter that is neither true nor false',
    request: { query: { internal: 'maybe' } },
    response: problem({
      code: 'INVALID_REQUEST',
      detail: '?internal: must be true or false.',
      instance: '/v1/topics',
      faults: [{ pointer: '?internal', detail: 'must be true or false' }],
    }),
  },
  {
    name: 'orders',
    operationId: 'describeTopic',
    summary: 'One topic',
    request: { path: { topic: 'orders' } },
    response: answers(200, topic('orders', 2, { 'retention.ms': '86400000' })),
  },
  {
    name: 'unknown',
    operationId: 'describeTopic',
    summary: 'A topic that does not exist',
    request: { path: { topic: 'nowhere' } },
    response: problem({
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
      detail: NO_SUCH_TOPIC,
      instance: NOWHERE,
    }),
  },
  {
    name: 'grow',
    operationId: 'alterTopic',
    summary: 'Add a third partition, and reset retention to its default',
    request: {
      path: { topic: 'orders' },
      body: json({ partitions: 3, configs: { 'retention.ms': null } }),
    },
    response: answers(200, topic('orders', 3, {})),
  },
  {
    name: 'shrink',
    operationId: 'alterTopic',
    summary: 'Partitions only grow',
    request: { path: { topic: 'orders' }, body: json({ partitions: 1 }) },
    response: problem({
      code: 'INVALID_PARTITIONS',
      detail: "a topic's partitions only grow: it has 3, not 1.",
      instance: ORDERS,
      isWrite: true,
      faults: [
        { pointer: '/partitions', detail: "a topic's partitions only grow: it has 3, not 1" },
      ],
    }),
  },
];

/** These come last, because they remove topics that the others use. */
export const TOPIC_END_EXAMPLES: readonly ApiExample[] = [
  {
    name: 'orders',
    operationId: 'deleteTopic',
    summary: 'Delete the topic with all its records and committed offsets',
    request: { path: { topic: 'orders' } },
    response: { status: 204 },
  },
  {
    name: 'unknown',
    operationId: 'deleteTopic',
    summary: 'A topic that does not exist',
    request: { path: { topic: 'nowhere' } },
    response: problem({
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
      detail: NO_SUCH_TOPIC,
      instance: NOWHERE,
      isWrite: true,
    }),
  },
];

/** Returns the answer for an empty topic on broker 0. */
function topic(name: string, partitions: number, overrides: TopicConfigOverrides): object {
  return {
    name,
    topicId: EXAMPLE_TOPIC_ID,
    internal: false,
    configs: effectiveConfigTexts(overrides, 1),
    configSources: Object.fromEntries(
      TOPIC_CONFIG_KEYS.map((key) => [key, key in overrides ? 'topic' : 'default']),
    ),
    partitions: Array.from({ length: partitions }, (_, partition) => emptyPartition(partition)),
  };
}

function emptyPartition(partition: number): object {
  return {
    partition,
    leader: 0,
    leaderEpoch: 0,
    replicas: [0],
    isr: [0],
    logStartOffset: 0,
    highWatermark: 0,
    logEndOffset: 0,
    sizeBytes: 0,
  };
}
