import type { ApiExample } from './api-example.js';
import { answers, EXAMPLE_TOPIC_DIGITS, json, problem } from './example-parts.js';

const RECORDS = '/v1/topics/orders/records';
const PARTITION_RECORDS = '/v1/topics/orders/partitions/0/records';
const PARTITION_OFFSETS = '/v1/topics/orders/partitions/0/offsets';

const TIMESTAMP = 1_750_000_000_000;
const PARTITION_0 = { topic: 'orders', partition: 0 };

/** The token in the examples; a real one belongs to its caller. */
export const EXAMPLE_PRODUCER_TOKEN = 'q0Xn3vY8mJtR5wKzA1bC7dE2fG4hI6jL9oP0sU3xW5y';

const ADA = { key: 'ada', value: { item: 'tea', n: 2 }, partition: 0, timestamp: TIMESTAMP };
const NO_SUCH_PARTITION = 'There is no partition 9 of topic "orders".';
export const EXAMPLE_PRODUCER_ID = 125_078_188_589_056;

const NO_EVENT_ID =
  'is "yesterday"; accepted: the id of an event of this topic, such as 0:12,1:7: the next ' +
  'offset to read of each partition, at most 64';
const FETCHED_LINES = [
  `{"topic":"orders","partition":0,"offset":0,"timestamp":${TIMESTAMP},"key":"ada",` +
    '"value":{"item":"tea","n":2},"headers":[{"key":"trace","value":"7f1c"}]}',
  `{"topic":"orders","partition":0,"offset":1,"timestamp":${TIMESTAMP},"key":null,` +
    '"valueBase64":"3q2+7w==","headers":[]}',
] as const;
const FIRST_EVENTS = [
  'event: record',
  `data: ${FETCHED_LINES[0]}`,
  `id: 0:1:0;${EXAMPLE_TOPIC_DIGITS}`,
  '',
  'event: record',
  `data: ${FETCHED_LINES[1]}`,
  `id: 0:2:0;${EXAMPLE_TOPIC_DIGITS}`,
  '',
  '',
].join('\n');

export const RECORD_EXAMPLES: readonly ApiExample[] = [
  {
    name: 'two',
    operationId: 'produce',
    summary: 'Two records: one with a key and headers, one whose value is not JSON',
    request: {
      path: { topic: 'orders' },
      body: json({
        records: [
          { ...ADA, headers: [{ key: 'trace', value: '7f1c' }] },
          { valueBase64: '3q2+7w==', partition: 0, timestamp: TIMESTAMP },
        ],
      }),
    },
    response: answers(200, {
      offsets: [
        { partition: 0, offset: 0, timestamp: TIMESTAMP },
        { partition: 0, offset: 1, timestamp: TIMESTAMP },
      ],
    }),
  },
  {
    name: 'one',
    operationId: 'produce',
    summary: 'One record',
    request: {
      path: { topic: 'orders' },
      body: json({ records: [{ value: [1, 2, 3], partition: 0 }] }),
    },
    response: answers(200, { offsets: [{ partition: 0, offset: 2, timestamp: TIMESTAMP }] }),
  },
  {
    name: 'text',
    operationId: 'produceValue',
    summary: 'A body that is the value of one record',
    request: {
      path: { topic: 'orders' },
      query: { partition: 1, key: 'ada' },
      body: { contentType: 'application/octet-stream', value: 'as it is' },
    },
    response: answers(200, { offsets: [{ partition: 1, offset: 0, timestamp: TIMESTAMP }] }),
  },
  {
    name: 'lines',
    operationId: 'produceLines',
    summary: 'A stream of records, one per line; a bad line does not affect the others',
    request: {
      path: { topic: 'orders' },
      query: { partition: 2 },
      body: { contentType: 'application/x-ndjson', value: '{"value": 1}\n{"value": 2}\n' },
    },
    response: {
      status: 200,
      body: {
        contentType: 'application/x-ndjson',
        value: '{"line":1,"partition":2,"offset":0}\n{"line":2,"partition":2,"offset":1}\n',
      },
    },
  },
  {
    name: 'noValue',
    operationId: 'produce',
    summary: 'A record without a value: nothing is written, not even the first record',
    request: {
      path: { topic: 'orders' },
      body: json({ records: [{ value: 1 }, { key: 'ada' }] }),
    },
    response: problem({
      code: 'INVALID_RECORD',
      detail: '/records/1: a record has a "value" (any JSON) or a "valueBase64".',
      instance: RECORDS,
      isWrite: true,
      faults: [
        { pointer: '/records/1', detail: 'a record has a "value" (any JSON) or a "valueBase64"' },
      ],
    }),
  },
  {
    name: 'unknownTopic',
    operationId: 'produce',
    summary: 'A topic that does not exist',
    request: { path: { topic: 'nowhere' }, body: json({ value: 1 }) },
    response: problem({
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
      detail: 'There is no topic "nowhere"; POST /v1/topics creates one.',
      instance: '/v1/topics/nowhere/records',
      isWrite: true,
    }),
  },
  {
    name: 'new',
    operationId: 'initProducer',
    summary: 'Get an id for an idempotent producer',
    request: {},
    response: answers(201, {
      producerId: EXAMPLE_PRODUCER_ID,
      producerEpoch: 0,
      producerToken: EXAMPLE_PRODUCER_TOKEN,
    }),
  },
  {
    name: 'idempotent',
    operationId: 'produce',
    summary: 'Produce with an idempotent producer: a retry gets the same offsets',
    request: {
      path: { topic: 'orders' },
      query: { partition: 0 },
      headers: {
        'Producer-Id': EXAMPLE_PRODUCER_ID,
        'Producer-Epoch': 0,
        'Producer-Sequence': 0,
        'Producer-Token': EXAMPLE_PRODUCER_TOKEN,
      },
      body: json({ records: [{ value: 'once' }] }),
    },
    response: answers(200, { offsets: [{ partition: 0, offset: 3, timestamp: TIMESTAMP }] }),
  },
  {
    name: 'sequenceGap',
    operationId: 'produce',
    summary: 'A sequence that does not follow',
    request: {
      path: { topic: 'orders' },
      query: { partition: 0 },
      headers: {
        'Producer-Id': EXAMPLE_PRODUCER_ID,
        'Producer-Epoch': 0,
        'Producer-Sequence': 7,
        'Producer-Token': EXAMPLE_PRODUCER_TOKEN,
      },
      body: json({ records: [{ value: 'later' }] }),
    },
    response: problem({
      code: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
      detail: `Producer ${EXAMPLE_PRODUCER_ID} must go on with sequence 1, not 7.`,
      instance: RECORDS,
      isWrite: true,
      members: { nextSequence: 1 },
    }),
  },
  {
    name: 'fromStart',
    operationId: 'fetch',
    summary: 'The first two records of a partition',
    request: { path: PARTITION_0, query: { from: 'earliest', limit: 2 } },
    response: answers(200, {
      records: [
        {
          ...PARTITION_0,
          offset: 0,
          timestamp: TIMESTAMP,
          key: 'ada',
          value: { item: 'tea', n: 2 },
          headers: [{ key: 'trace', value: '7f1c' }],
        },
        {
          ...PARTITION_0,
          offset: 1,
          timestamp: TIMESTAMP,
          key: null,
          valueBase64: '3q2+7w==',
          headers: [],
        },
      ],
      nextOffset: 2,
      highWatermark: 4,
      logStartOffset: 0,
      leaderEpoch: 0,
    }),
  },
  {
    name: 'value',
    operationId: 'fetchValue',
    summary: 'The value of the last record of another partition',
    request: { path: { topic: 'orders', partition: 1 }, query: { offset: 0 } },
    response: {
      status: 200,
      body: { contentType: 'text/plain', value: 'as it is' },
    },
  },
  {
    name: 'all',
    operationId: 'fetchLines',
    summary: 'The records of a partition, one per line',
    request: { path: PARTITION_0, query: { offset: 0, limit: 2 } },
    response: {
      status: 200,
      body: {
        contentType: 'application/x-ndjson',
        value: `${FETCHED_LINES.join('\n')}\n{"nextOffset":2,"highWatermark":4}\n`,
      },
    },
  },
  {
    name: 'outOfRange',
    operationId: 'fetch',
    summary: "Beyond the log's end",
    request: { path: PARTITION_0, query: { offset: 1000 } },
    response: problem({
      code: 'OFFSET_OUT_OF_RANGE',
      detail: "Offset 1000 is beyond the log's end, which is 4.",
      instance: PARTITION_RECORDS,
      members: { logStartOffset: 0, highWatermark: 4 },
    }),
  },
  {
    name: 'fromEarliest',
    operationId: 'subscribeToEvents',
    summary: 'The records of a partition from the first on, and later ones as they come',
    request: { path: { topic: 'orders' }, query: { from: 'earliest', partitions: '0' } },
    response: {
      status: 200,
      body: {
        contentType: 'text/event-stream',
        value: `retry: 2000\nevent: position\nid: 0:0:0;${EXAMPLE_TOPIC_DIGITS}\n\n${FIRST_EVENTS}`,
      },
    },
  },
  {
    name: 'noEventId',
    operationId: 'subscribeToEvents',
    summary: 'An invalid id',
    request: { path: { topic: 'orders' }, query: { lastEventId: 'yesterday' } },
    response: problem({
      code: 'INVALID_REQUEST',
      detail: `Query parameter ?lastEventId ${NO_EVENT_ID}.`,
      instance: '/v1/topics/orders/events',
      faults: [{ pointer: '?lastEventId', detail: NO_EVENT_ID }],
    }),
  },
  {
    name: 'byTime',
    operationId: 'listOffset',
    summary: 'The first record at a time or after it',
    request: { path: PARTITION_0, query: { at: String(TIMESTAMP) } },
    response: answers(200, { offset: 0, timestamp: TIMESTAMP, leaderEpoch: 0 }),
  },
  {
    name: 'unknownPartition',
    operationId: 'listOffset',
    summary: 'A partition that does not exist',
    request: { path: { topic: 'orders', partition: 9 }, query: { at: 'latest' } },
    response: problem({
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
      detail: NO_SUCH_PARTITION,
      instance: '/v1/topics/orders/partitions/9/offsets',
    }),
  },
  {
    name: 'noPosition',
    operationId: 'listOffset',
    summary: 'An invalid position',
    request: { path: PARTITION_0, query: { at: 'yesterday' } },
    response: problem({
      code: 'INVALID_REQUEST',
      detail: '?at: must be "earliest", "latest" or milliseconds since the epoch.',
      instance: PARTITION_OFFSETS,
      faults: [
        { pointer: '?at', detail: 'must be "earliest", "latest" or milliseconds since the epoch' },
      ],
    }),
  },
  {
    name: 'first',
    operationId: 'deleteRecords',
    summary: 'All records below offset 1',
    request: { path: PARTITION_0, query: { beforeOffset: 1 } },
    response: answers(200, { logStartOffset: 1 }),
  },
  {
    name: 'aboveHighWatermark',
    operationId: 'deleteRecords',
    summary: 'An offset beyond the high watermark',
    request: { path: PARTITION_0, query: { beforeOffset: 1000 } },
    response: problem({
      code: 'OFFSET_OUT_OF_RANGE',
      detail: 'Records up to offset 1000 cannot be deleted: the high watermark is 4.',
      instance: PARTITION_RECORDS,
      isWrite: true,
      members: { logStartOffset: 1, highWatermark: 4 },
    }),
  },
];
