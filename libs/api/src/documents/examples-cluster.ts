import type { ApiExample } from './api-example.js';
import { answers, json, problem } from './example-parts.js';

const GROUP_OFFSETS = '/v1/groups/billing/offsets';

export const CLUSTER_EXAMPLES: readonly ApiExample[] = [
  {
    name: 'one',
    operationId: 'commitOffsets',
    summary: 'Commit offset 2 as the next one to read',
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
    summary: 'A partition that does not exist: nothing is committed',
    request: {
      path: { group: 'billing' },
      body: json({ offsets: [{ topic: 'orders', partition: 9, offset: 2 }] }),
    },
    response: problem({
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
      detail: 'Nothing was committed: there is no partition 9 of topic "orders".',
      instance: GROUP_OFFSETS,
      isWrite: true,
      faults: [{ pointer: '/offsets/0', detail: 'there is no partition 9 of topic "orders"' }],
    }),
  },
  {
    name: 'aboveHighWatermark',
    operationId: 'commitOffsets',
    summary: 'An offset beyond the high watermark',
    request: {
      path: { group: 'billing' },
      body: json({ offsets: [{ topic: 'orders', partition: 0, offset: 1000 }] }),
    },
    response: problem({
      code: 'OFFSET_OUT_OF_RANGE',
      detail: 'Nothing was committed: the high watermark of partition 0 of topic "orders" is 4.',
      instance: GROUP_OFFSETS,
      isWrite: true,
      faults: [
        {
          pointer: '/offsets/0/offset',
          detail: 'the high watermark of partition 0 of topic "orders" is 4',
        },
      ],
      members: { logStartOffset: 1, highWatermark: 4 },
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
    summary: 'Committed offsets and lag of a group',
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
    name: 'unknownParameter',
    operationId: 'committedOffsets',
    summary: 'An unknown parameter',
    request: { path: { group: 'billing' }, query: { topics: 'orders' } },
    response: problem({
      code: 'INVALID_REQUEST',
      detail: '?topics: is not known here.',
      instance: GROUP_OFFSETS,
      faults: [{ pointer: '?topics', detail: 'is not known here' }],
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
    name: 'links',
    operationId: 'listEntryPoints',
    summary: 'Links to the entry points',
    request: {},
    response: answers(200, {
      name: 'Sluice',
      links: {
        topics: '/v1/topics',
        webSocket: '/v1/ws',
        groups: '/v1/groups',
        cluster: '/v1/cluster',
        try: '/try',
        docs: '/docs',
        openapi: '/openapi.json',
        asyncapi: '/asyncapi.json',
        live: '/health/live',
        ready: '/health/ready',
        metrics: '/metrics',
      },
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
    summary: 'It serves, and nothing is wrong; the partitions of internal topics count too',
    request: {},
    response: answers(200, {
      status: 'ok',
      checks: {
        disk: { status: 'ok', reason: null, reserveBytes: 4_194_304 },
        storage: {
          status: 'ok',
          partitions: 19,
          offline: [],
          readOnly: [],
          lost: [],
          damaged: [],
        },
        clock: { status: 'ok', reason: null, aheadMs: 0 },
        descriptors: { status: 'ok', reason: null, inUse: 87, limit: 1_048_576 },
        cluster: null,
        security: { status: 'ok', reason: null, changeable: true, staleMs: 0 },
      },
    }),
  },
];
