import type { ApiExample } from './api-example.js';
import { answers, json } from './example-parts.js';

const GROUP = 'shipping';
const MEMBER = { group: GROUP, memberId: 'worker-1' };
const QUEUE = 'packing';
const QUEUE_MEMBER = { group: QUEUE, memberId: 'packer-1' };
const ASSIGNMENT = [0, 1, 2].map((partition) => ({ topic: 'orders', partition }));

/** Members of a partition's description that only queues have. */
const NO_QUEUE = { available: null, acquired: null, delayed: null };

const CONFIGS = {
  'consumer.session.timeout.ms': '10000',
  'share.record.lock.duration.ms': '30000',
  'share.delivery.count.limit': '5',
  'share.partition.max.record.locks': '2000',
  'sluice.share.retry.backoff.ms': '0',
  'sluice.share.retry.backoff.max.ms': '60000',
  'sluice.share.key.ordered': 'false',
  'sluice.share.paused': 'false',
  'errors.deadletterqueue.copy.record.enable': 'true',
  'share.auto.offset.reset': 'latest',
  'errors.deadletterqueue.topic.name': 'dlq.shipping',
};
const EFFECTIVE_CONFIGS = {
  configs: CONFIGS,
  configSources: Object.fromEntries(
    Object.keys(CONFIGS).map((name) => [
      name,
      name === 'consumer.session.timeout.ms' ? 'group' : 'default',
    ]),
  ),
};

/** Examples of consumer groups and their members, in an order in which they work. */
export const GROUP_EXAMPLES: readonly ApiExample[] = [
  {
    name: 'worker',
    operationId: 'joinGroup',
    summary: 'Become the first member, which gets all partitions',
    request: {
      path: { group: GROUP },
      body: json({ memberId: 'worker-1', topics: ['orders'], autoOffsetReset: 'latest' }),
    },
    response: answers(201, {
      memberId: 'worker-1',
      generation: 2,
      assignment: ASSIGNMENT,
      revoking: [],
    }),
  },
  {
    name: 'nothing',
    operationId: 'pollRecords',
    summary: 'There is no new record',
    request: { path: MEMBER, query: { limit: 10 } },
    response: answers(200, {
      records: [],
      cursor: 'WzIsMiwwLFtbIm9yZGVycyIsWzAsNCwtMSwxLDEsLTEsMiwyLC0xXV1dXQ',
      generation: 2,
      assignment: ASSIGNMENT,
      revoking: [],
      resets: [],
    }),
  },
  {
    name: 'alive',
    operationId: 'heartbeat',
    summary: 'Stay a member during long work',
    request: { path: MEMBER, body: json({ generation: 2 }) },
    response: answers(200, {
      memberId: 'worker-1',
      generation: 2,
      assignment: ASSIGNMENT,
      revoking: [],
      resets: [],
    }),
  },
  {
    name: 'one',
    operationId: 'commitAsMember',
    summary: 'Commit an offset of a partition that the member owns',
    request: {
      path: MEMBER,
      body: json({ generation: 2, offsets: [{ topic: 'orders', partition: 0, offset: 2 }] }),
    },
    response: answers(200, { offsets: [{ topic: 'orders', partition: 0, offset: 2 }] }),
  },
  {
    name: 'shipping',
    operationId: 'describeGroup',
    summary: 'A group with one member',
    request: { path: { group: GROUP } },
    response: answers(200, {
      group: GROUP,
      mode: 'stream',
      state: 'Stable',
      coordinator: 0,
      generation: 2,
      members: [
        {
          memberId: 'worker-1',
          instanceId: null,
          clientId: null,
          assignment: ASSIGNMENT,
          lag: 2,
        },
      ],
      partitions: [
        { ...NO_QUEUE, topic: 'orders', partition: 0, offset: 2, lag: 2, owner: 'worker-1' },
        { ...NO_QUEUE, topic: 'orders', partition: 1, offset: 1, lag: 0, owner: 'worker-1' },
        { ...NO_QUEUE, topic: 'orders', partition: 2, offset: 2, lag: 0, owner: 'worker-1' },
      ],
      lag: 2,
      deadLetters: null,
    }),
  },
  {
    name: 'page',
    operationId: 'listGroups',
    summary: 'The groups after a name',
    request: { query: { after: 'billing' } },
    response: answers(200, {
      groups: [{ group: GROUP, mode: 'stream', state: 'Stable', members: 1 }],
      nextAfter: null,
    }),
  },
  {
    name: 'gone',
    operationId: 'leaveGroup',
    summary: 'Leave the group',
    request: { path: MEMBER },
    response: { status: 204 },
  },
  {
    name: 'earliest',
    operationId: 'resetOffsets',
    summary: 'Read a partition from its beginning again',
    request: {
      path: { group: GROUP },
      body: json({ topic: 'orders', partitions: [0], to: 'earliest' }),
    },
    response: answers(200, { offsets: [{ topic: 'orders', partition: 0, from: 2, to: 1 }] }),
  },
  {
    name: 'session',
    operationId: 'alterGroupConfigs',
    summary: 'Notice dead members sooner',
    request: {
      path: { group: GROUP },
      body: json({ configs: { 'consumer.session.timeout.ms': 10_000 } }),
    },
    response: answers(200, EFFECTIVE_CONFIGS),
  },
  {
    name: 'session',
    operationId: 'groupConfigs',
    summary: 'The effective configs',
    request: { path: { group: GROUP } },
    response: answers(200, EFFECTIVE_CONFIGS),
  },
  {
    name: 'shipping',
    operationId: 'deleteGroup',
    summary: 'Delete a group that has no members',
    request: { path: { group: GROUP } },
    response: { status: 204 },
  },
  {
    name: 'queue-worker',
    operationId: 'joinGroup',
    summary: 'Become a worker of a queue',
    request: {
      path: { group: QUEUE },
      body: json({
        memberId: 'packer-1',
        topics: ['orders'],
        mode: 'queue',
        autoOffsetReset: 'earliest',
      }),
    },
    response: answers(201, {
      memberId: 'packer-1',
      generation: 2,
      assignment: ASSIGNMENT,
      revoking: [],
    }),
  },
  {
    name: 'queue',
    operationId: 'pollRecords',
    summary: 'Take one record of a queue: nobody else gets it while its lock lasts',
    request: { path: QUEUE_MEMBER, query: { limit: 1 } },
    response: answers(200, {
      records: [
        {
          topic: 'orders',
          partition: 2,
          offset: 0,
          timestamp: 1_750_000_000_000,
          key: null,
          value: 1,
          headers: [],
          deliveryCount: 1,
        },
      ],
      generation: 2,
      assignment: ASSIGNMENT,
      revoking: [],
      resets: [],
    }),
  },
  {
    name: 'done',
    operationId: 'acknowledgeRecords',
    summary: 'A record is done; another one is not locked by this member',
    request: {
      path: QUEUE_MEMBER,
      body: json({
        acks: [
          { topic: 'orders', partition: 2, offset: 0, type: 'ack' },
          { topic: 'orders', partition: 0, offset: 3, type: 'ack' },
        ],
      }),
    },
    response: answers(200, {
      acks: [
        { topic: 'orders', partition: 2, offset: 0 },
        {
          topic: 'orders',
          partition: 0,
          offset: 3,
          error: {
            type: 'urn:sluice:error:INVALID_RECORD_STATE',
            title: 'The record is not with this member.',
            status: 409,
            detail:
              'The record is not with this member: its lock is over, or another member has it (orders-0, 3).',
            instance: '/v1/groups/packing/members/packer-1/acks',
            code: 'INVALID_RECORD_STATE',
            retriable: false,
            outcome: 'failed',
          },
        },
      ],
    }),
  },
  {
    name: 'in-flight',
    operationId: 'inFlightRecords',
    summary: 'The records of one partition that the group has scanned',
    request: { path: { group: QUEUE }, query: { topic: 'orders', partition: 2, limit: 1 } },
    response: answers(200, {
      records: [
        {
          topic: 'orders',
          partition: 2,
          offset: 1,
          state: 'available',
          deliveryCount: 1,
          memberId: null,
          lockLeftMs: null,
          availableAt: null,
        },
      ],
    }),
  },
  {
    name: 'waiting',
    operationId: 'cancelRecord',
    summary: 'Cancel a record that no member has',
    request: { path: { group: QUEUE, topic: 'orders', partition: 2, offset: 1 } },
    response: { status: 204 },
  },
  {
    name: 'all',
    operationId: 'purgeQueue',
    summary: 'Finish everything that waits',
    request: { path: { group: QUEUE }, body: json({ topic: 'orders', partitions: [2] }) },
    response: answers(200, { partitions: [{ topic: 'orders', partition: 2, offset: 2 }] }),
  },
  {
    name: 'no-topic',
    operationId: 'waitingDeadLetters',
    summary: 'A queue that has had no dead letter yet',
    request: { path: { group: QUEUE } },
    response: answers(200, { partitions: [] }),
  },
  {
    name: 'none',
    operationId: 'redriveDeadLetters',
    summary: 'Put dead letters back, of which there are none',
    request: { path: { group: QUEUE }, body: json({ limit: 100, topic: 'orders' }) },
    response: answers(200, { redriven: 0, skipped: 0 }),
  },
];
