import type { ApiExample } from './api-example.js';
import { answers, json, problem } from './example-parts.js';

const GROUP_OFFSETS = '/v1/groups/billing/offsets';

export const CLUSTER_EXAMPLES: readonly ApiExample[] = [
  {
    name: 'one',
    operationId: 'commitOffsets',
    summary: 'The next record to read is that of offset 2',
    request: {
      path: { group: 'billing' },
      body: json({ offsets: [{ topic: 'orders', partition: 0, offset: 2, metadata: 'host-7' }] }),
    },
    response: answers(200, {
      offsets: [{ topic: 'orders', partition: 0, offset: 2, metadata: 'host-7' }],
    }),
  },
  {
    name: 'unknownPartition',
    operationId: 'commitOffsets',
    summary: 'A partition that there is not: nothing is committed',
    request: {
      path: { group: 'billing' },
      body: json({ offsets: [{ topic: 'orders', partition: 9, offset: 2 }] }),
    },
    response: problem({
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
      detail: 'Topic "orders" has 3 partitions, from 0; there is no partition 9.',
      instance: GROUP_OFFSETS,
      isWrite: true,
      faults: [{ pointer: '/offsets/0/partition', detail: 'there is no such partition' }],
    }),
  },
  {
    name: 'aboveHighWatermark',
    operationId: 'commitOffsets',
    summary: 'An offset that there is not yet',
    request: {
      path: { group: 'billing' },
      body: json({ offsets: [{ topic: 'orders', partition: 0, offset: 1000 }] }),
    },
    response: problem({
      code: 'OFFSET_OUT_OF_RANGE',
      detail: 'Offset 1000 is above the high watermark, 4.',
      instance: GROUP_OFFSETS,
      isWrite: true,
      faults: [{ pointer: '/offsets/0/offset', detail: 'is above the high watermark, 4' }],
    }),
  },
  {
    name: 'negative',
    operationId: 'commitOffsets',
    summary: 'A negative offset',
    request: {
      path: { group: 'billing' },
      body: json({ offsets: [{ topic: 'orders', partition: 0, offset: -1 }] }),
    },
    response: problem({
      code: 'INVALID_REQUEST',
      detail: '/offsets/0/offset: must be a whole number from 0 to 9007199254740991.',
      instance: GROUP_OFFSETS,
      isWrite: true,
      faults: [
        {
          pointer: '/offsets/0/offset',
          detail: 'must be a whole number from 0 to 9007199254740991',
        },
      ],
    }),
  },
  {
    name: 'billing',
    operationId: 'committedOffsets',
    summary: 'What a group has committed, and how far it is behind',
    request: { path: { group: 'billing' } },
    response: answers(200, {
      offsets: [
        {
          topic: 'orders',
          partition: 0,
          offset: 2,
          highWatermark: 4,
          lag: 2,
          metadata: 'host-7',
        },
      ],
    }),
  },
  {
    name: 'unknownTopic',
    operationId: 'committedOffsets',
    summary: 'A topic that there is not',
    request: { path: { group: 'billing' }, query: { topic: 'nowhere' } },
    response: problem({
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
      detail: 'There is no topic "nowhere"; POST /v1/topics makes one.',
      instance: GROUP_OFFSETS,
    }),
  },
  {
    name: 'embedded',
    operationId: 'describeCluster',
    summary: 'One broker without Redis',
    request: {},
    response: answers(200, {
      clusterId: 'sluice',
      coordination: 'embedded',
      controller: 0,
      brokers: [{ id: 0, url: 'http://127.0.0.1:8080', rack: null, alive: true }],
    }),
  },
  {
    name: 'ok',
    operationId: 'live',
    summary: 'The process runs',
    request: {},
    response: answers(200, { status: 'ok' }),
  },
  {
    name: 'ok',
    operationId: 'ready',
    summary: 'It serves, and nothing is wrong',
    request: {},
    response: answers(200, {
      status: 'ok',
      checks: {
        storage: { status: 'ok', partitions: 3, offline: [], readOnly: [], damaged: [] },
      },
    }),
  },
];
