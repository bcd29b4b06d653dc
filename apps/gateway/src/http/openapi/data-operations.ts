/**
 * The hot routes in the OpenAPI document. They are plain handlers (http/data), which no decorator
 * describes; what they accept is described here from the constants that they check with.
 */
import type { ErrorCode } from '#protocol';
import { EVENT_PARTITIONS_MAX } from '../../sse/event-id.js';
import {
  FETCH_BYTES_DEFAULT,
  FETCH_BYTES_MAX,
  FETCH_LIMIT_DEFAULT,
  FETCH_WAIT_MS_MAX,
} from '../data/fetch-query.js';
import { PRODUCE_TIMEOUT_MS_DEFAULT } from '../data/produce-query.js';
import type { Operation, Parameter, PathItem, Schema } from './openapi-types.js';
import { problemResponses } from './problem-responses.js';

const PRODUCE_PATH = '/v1/topics/{topic}/records';
const FETCH_PATH = '/v1/topics/{topic}/partitions/{partition}/records';

const EVENTS_PATH = '/v1/topics/{topic}/events';

const PRODUCE_ERRORS: readonly ErrorCode[] = [
  'INVALID_REQUEST',
  'INVALID_RECORD',
  'INVALID_TIMESTAMP',
  'INVALID_TOPIC_EXCEPTION',
  'TOPIC_AUTHORIZATION_FAILED',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'INVALID_PRODUCER_EPOCH',
  'INVALID_PRODUCER_ID_MAPPING',
  'DUPLICATE_SEQUENCE_NUMBER',
  'MESSAGE_TOO_LARGE',
  'REQUEST_TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
  'UNKNOWN_SERVER_ERROR',
  'BUFFER_EXHAUSTED',
  'BROKER_NOT_AVAILABLE',
  'REQUEST_TIMED_OUT',
  'KAFKA_STORAGE_ERROR',
];

const FETCH_ERRORS: readonly ErrorCode[] = [
  'INVALID_REQUEST',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'OFFSET_OUT_OF_RANGE',
  'THROTTLING_QUOTA_EXCEEDED',
  'CORRUPT_MESSAGE',
  'UNSUPPORTED_COMPRESSION_TYPE',
  'UNKNOWN_SERVER_ERROR',
  'BROKER_NOT_AVAILABLE',
  'KAFKA_STORAGE_ERROR',
];

const OFFSET: Schema = { type: 'integer', minimum: 0 };

/** Components that the operations refer to. */
export const DATA_SCHEMAS: Readonly<Record<string, Schema>> = {
  RecordToProduce: {
    type: 'object',
    description: 'One of `value` and `valueBase64`; at most one of `key` and `keyBase64`.',
    additionalProperties: false,
    properties: {
      value: { description: 'Any JSON: kept as the text that was sent. null is a tombstone.' },
      valueBase64: { type: 'string', contentEncoding: 'base64' },
      key: { description: 'A string is kept as its UTF-8 bytes, any other JSON as its text.' },
      keyBase64: { type: 'string', contentEncoding: 'base64' },
      headers: {
        oneOf: [
          { type: 'object', additionalProperties: { type: 'string' } },
          { type: 'array', items: ref('RecordHeader') },
        ],
      },
      partition: { type: 'integer', minimum: 0 },
      timestamp: { type: 'integer', description: 'Milliseconds since the epoch.' },
    },
  },
  RecordHeader: {
    type: 'object',
    required: ['key'],
    additionalProperties: false,
    properties: {
      key: { type: 'string' },
      value: { type: ['string', 'null'] },
      valueBase64: { type: 'string', contentEncoding: 'base64' },
    },
  },
  RecordsToProduce: {
    type: 'object',
    required: ['records'],
    additionalProperties: false,
    properties: { records: { type: 'array', minItems: 1, items: ref('RecordToProduce') } },
  },
  ProducedOffset: {
    type: 'object',
    required: ['partition', 'offset', 'timestamp'],
    properties: { partition: OFFSET, offset: OFFSET, timestamp: { type: 'integer' } },
  },
  ProducedOffsets: {
    type: 'object',
    description: 'In the order of the records.',
    required: ['offsets'],
    properties: { offsets: { type: 'array', items: ref('ProducedOffset') } },
  },
  PartlyProduced: {
    type: 'object',
    required: ['offsets'],
    properties: {
      offsets: {
        type: 'array',
        items: {
          oneOf: [
            ref('ProducedOffset'),
            {
              type: 'object',
              required: ['partition', 'error'],
              properties: { partition: OFFSET, error: ref('Problem') },
            },
          ],
        },
      },
    },
  },
  FetchedRecord: {
    type: 'object',
    required: ['topic', 'partition', 'offset', 'timestamp', 'headers'],
    properties: {
      topic: { type: 'string' },
      partition: OFFSET,
      offset: OFFSET,
      timestamp: { type: 'integer' },
      key: { description: 'As it was sent; a string when it is UTF-8, null when there is none.' },
      keyBase64: { type: 'string', contentEncoding: 'base64' },
      value: { description: 'As it was sent; a string when it is UTF-8, null for a tombstone.' },
      valueBase64: { type: 'string', contentEncoding: 'base64' },
      headers: { type: 'array', items: ref('RecordHeader') },
    },
  },
  FetchedRecords: {
    type: 'object',
    required: ['records', 'nextOffset', 'highWatermark', 'logStartOffset', 'leaderEpoch'],
    properties: {
      records: { type: 'array', items: ref('FetchedRecord') },
      nextOffset: { ...OFFSET, description: 'Where to go on.' },
      highWatermark: { ...OFFSET, description: 'First offset that is not committed.' },
      logStartOffset: { ...OFFSET, description: 'First offset that may be read.' },
      leaderEpoch: { type: ['integer', 'null'] },
    },
  },
};

const TOPIC: Parameter = {
  name: 'topic',
  in: 'path',
  required: true,
  schema: { type: 'string' },
};

const PARTITION: Parameter = {
  name: 'partition',
  in: 'path',
  required: true,
  schema: { type: 'integer', minimum: 0 },
};

const ANY_BODY: Schema = { type: 'string', description: "One record's value, byte for byte." };

const PRODUCE: Operation = {
  operationId: 'produce',
  summary: 'Append records to a topic',
  description:
    'All records are checked before the first is appended. Answered once they are on disk ' +
    '(`acks=0`: once they are buffered). A body of any type but JSON and NDJSON is one record.',
  tags: ['records'],
  parameters: [
    TOPIC,
    query('acks', { type: 'string', enum: ['all', '1', '0'], default: 'all' }),
    query('timeoutMs', { type: 'integer', minimum: 1, default: PRODUCE_TIMEOUT_MS_DEFAULT }),
    query(
      'partitioner',
      { type: 'string', enum: ['sticky', 'roundrobin'], default: 'sticky' },
      'For records without partition and key.',
    ),
    query('partition', { type: 'integer', minimum: 0 }, 'Of every record.'),
    query('key', { type: 'string' }, 'Of a record whose body is its value.'),
    query('body', { type: 'string', enum: ['value'] }, 'The body is one value, whatever its type.'),
    query(
      'report',
      { type: 'string', enum: ['all', 'errors'], default: 'all' },
      'Which lines the answer to NDJSON has.',
    ),
    header('Producer-Id', 'Idempotent producer; goes with the two below.'),
    header('Producer-Epoch', 'Of `POST /v1/producers`.'),
    header(
      'Producer-Sequence',
      "Of the first record in its partition; from 0, + each request's records.",
    ),
  ],
  requestBody: {
    required: true,
    content: {
      'application/json': { schema: { oneOf: [ref('RecordsToProduce'), ref('RecordToProduce')] } },
      'application/x-ndjson': {
        schema: { type: 'string', description: 'One record in JSON a line.' },
      },
      'text/plain': { schema: ANY_BODY },
      'application/octet-stream': { schema: { ...ANY_BODY, format: 'binary' } },
    },
  },
  responses: {
    200: {
      description: 'Written.',
      content: {
        'application/json': { schema: ref('ProducedOffsets') },
        'application/x-ndjson': {
          schema: {
            type: 'string',
            description:
              'To NDJSON: `{"line", "partition", "offset"}` or `{"line", "error"}` a line.',
          },
        },
      },
    },
    202: { description: '`acks=0`: buffered.' },
    207: {
      description:
        'Writing failed for some partitions; `error` stands in the place of their records.',
      content: { 'application/json': { schema: ref('PartlyProduced') } },
    },
    ...problemResponses(PRODUCE_ERRORS, '/v1/topics/orders/records', true),
  },
};

const FETCH: Operation = {
  operationId: 'fetch',
  summary: 'Read records of a partition',
  description:
    'Records below the high watermark, in order of their offsets. With nothing to read it waits ' +
    '`waitMs` for the next append. `Accept: application/x-ndjson` streams one record a line.',
  tags: ['records'],
  parameters: [
    TOPIC,
    PARTITION,
    query(
      'offset',
      { type: 'integer', format: 'int64', minimum: 0 },
      'The first offset to read. `earliest` and `latest` are accepted too, as in `from`.',
    ),
    query(
      'from',
      { type: 'string', enum: ['earliest', 'latest'], default: 'earliest' },
      'Where to begin without `offset` and `timestamp`.',
    ),
    query('timestamp', { type: 'integer', minimum: 0 }, 'Begins at the first record not older.'),
    query('limit', { type: 'integer', minimum: 1, default: FETCH_LIMIT_DEFAULT }, 'Records.'),
    query(
      'maxBytes',
      { type: 'integer', minimum: 1, maximum: FETCH_BYTES_MAX, default: FETCH_BYTES_DEFAULT },
      'One record always fits.',
    ),
    query(
      'waitMs',
      { type: 'integer', minimum: 0, maximum: FETCH_WAIT_MS_MAX, default: 0 },
      'Long poll. A stream without `limit` goes on at the high watermark until nothing came for so long.',
    ),
    query('minBytes', { type: 'integer', minimum: 1, default: 1 }, 'Ends the wait.'),
    query(
      'leaderEpoch',
      { type: 'integer', minimum: 0 },
      'Of the position: tells of a truncation.',
    ),
    query(
      'format',
      { type: 'string', enum: ['auto', 'json', 'string', 'base64', 'raw'], default: 'auto' },
      'Forces one form of keys and values; `raw` with `limit=1` is the bytes of a value alone.',
    ),
    query(
      'follow',
      { type: 'boolean', default: false },
      'A stream goes on at the high watermark, for good.',
    ),
  ],
  responses: {
    200: {
      description: 'Records, or none.',
      content: {
        'application/json': { schema: ref('FetchedRecords') },
        'application/x-ndjson': {
          schema: {
            type: 'string',
            description: 'A record a line, last `{"nextOffset", "highWatermark"}`.',
          },
        },
        'application/octet-stream': {
          schema: { type: 'string', format: 'binary', description: '`format=raw`.' },
        },
      },
    },
    204: { description: '`format=raw`: there is no record.' },
    ...problemResponses(FETCH_ERRORS, '/v1/topics/orders/partitions/0/records', false),
  },
};

const EVENTS: Operation = {
  operationId: 'subscribeToEvents',
  summary: "A topic's records as server-sent events",
  description:
    'For EventSource and `curl -N`. `event: record` has one record as in a fetch as its `data`; its ' +
    '`id` holds the positions of all partitions after it, so that `Last-Event-ID` goes on with ' +
    'nothing lost or repeated. `event: reset` tells that `autoOffsetReset` moved a partition; ' +
    '`event: error` has a problem as its `data` and ends the stream. Comments come while it is silent.',
  tags: ['records'],
  parameters: [
    TOPIC,
    query(
      'from',
      { type: 'string', enum: ['latest', 'earliest'], default: 'latest' },
      'Where to begin without an id.',
    ),
    query(
      'partitions',
      { type: 'string', pattern: '^(0|[1-9][0-9]*)(,(0|[1-9][0-9]*))*$' },
      `Separated by commas, ${EVENT_PARTITIONS_MAX} at most; else all, those too that are added later.`,
    ),
    query(
      'lastEventId',
      { type: 'string' },
      'As `Last-Event-ID`, which wins: for a new EventSource, which cannot set a header.',
    ),
    query(
      'autoOffsetReset',
      { type: 'string', enum: ['latest', 'earliest', 'none'], default: 'none' },
      'Where to go on when a position is not in the log any more; `none` is an error.',
    ),
    {
      name: 'Last-Event-ID',
      in: 'header',
      description: 'The `id` of the last event that was received: goes on after it.',
      schema: { type: 'string' },
    },
  ],
  responses: {
    200: {
      description: 'Events, until the client goes away.',
      content: { 'text/event-stream': { schema: { type: 'string' } } },
    },
    ...problemResponses(FETCH_ERRORS, '/v1/topics/orders/events', false),
  },
};

/** By path, to be merged with the operations that the controllers describe. */
export const DATA_PATHS: Readonly<Record<string, PathItem>> = {
  [PRODUCE_PATH]: { post: PRODUCE },
  [FETCH_PATH]: { get: FETCH },
  [EVENTS_PATH]: { get: EVENTS },
};

function ref(schema: string): Schema {
  return { $ref: `#/components/schemas/${schema}` };
}

function query(name: string, schema: Schema, description?: string): Parameter {
  return { name, in: 'query', schema, ...(description === undefined ? {} : { description }) };
}

function header(name: string, description: string): Parameter {
  return { name, in: 'header', description, schema: { type: 'integer', minimum: 0 } };
}
