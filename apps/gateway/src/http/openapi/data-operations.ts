/**
 * The hot routes in the OpenAPI document. They are plain handlers (http/data), which no decorator
 * describes: this file describes them with the constants that they check.
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
import { OFFSET, PARTITION as PARTITION_NUMBER, PRODUCER_EPOCH } from '../dto/schemas.js';
import {
  type Operation,
  type Parameter,
  type PathItem,
  type ResponseObject,
  ref,
  type Schema,
} from './openapi-types.js';

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
  schema: PARTITION_NUMBER,
};

const INT32_MAX = 2 ** 31 - 1;
const INT32: Schema = { type: 'integer', format: 'int32' };
const BYTES: Schema = { type: 'string', format: 'binary' };

/** Query parameters of all forms of produce. */
const PRODUCE_QUERY: readonly Parameter[] = [
  query('acks', { type: 'string', enum: ['all', '1', '0'], default: 'all' }),
  query('timeoutMs', {
    ...INT32,
    minimum: 1,
    maximum: INT32_MAX,
    default: PRODUCE_TIMEOUT_MS_DEFAULT,
  }),
  query(
    'partitioner',
    { type: 'string', enum: ['sticky', 'roundrobin'], default: 'sticky' },
    'Partitioner for records without partition and key.',
  ),
  query('partition', PARTITION_NUMBER, 'Partition of every record.'),
];

const PRODUCER_HEADERS: readonly Parameter[] = [
  header('Producer-Id', OFFSET, 'Id of an idempotent producer; requires the two headers below.'),
  header('Producer-Epoch', PRODUCER_EPOCH, 'Epoch of the producer, from `POST /v1/producers`.'),
  header(
    'Producer-Sequence',
    { ...INT32, minimum: 0, maximum: INT32_MAX },
    'Sequence of the first record in its partition: from 0, plus the number of records sent before.',
  ),
];

const PRODUCED: Readonly<Record<string, ResponseObject>> = {
  200: {
    description: 'Written.',
    content: { 'application/json': { schema: ref('ProducedOffsets') } },
  },
  202: { description: 'The records are buffered (`acks=0`).' },
};

const PRODUCE: Operation = {
  'x-error-codes': PRODUCE_ERRORS,
  operationId: 'produce',
  summary: 'Append records to a topic',
  description:
    'All records are checked before the first is appended. It is answered once they are on disk ' +
    '(`acks=0`: once they are buffered). A single record (`{"value": ...}`) is also accepted ' +
    'as well. This path accepts bodies of other types: `application/x-ndjson` as ' +
    '`records:ndjson` does, and any other one (`text/plain`, what curl sends) as the value of a ' +
    'record, with `?key=`, as `records:raw` does; `?body=value` makes the value of a JSON body. ' +
    '`multipart/*` and `application/vnd.kafka.*` are refused.',
  tags: ['records'],
  parameters: [TOPIC, ...PRODUCE_QUERY, ...PRODUCER_HEADERS],
  requestBody: {
    required: true,
    content: { 'application/json': { schema: ref('RecordsToProduce') } },
  },
  responses: {
    ...PRODUCED,
    207: {
      description: 'Writing failed for some partitions; `error` replaces their records.',
      content: { 'application/json': { schema: ref('PartlyProduced') } },
    },
  },
};

const PRODUCE_VALUE: Operation = {
  'x-error-codes': PRODUCE_ERRORS,
  operationId: 'produceValue',
  summary: 'Append a body as the value of one record',
  description:
    'The body is the value, byte for byte; it may be empty. Any `Content-Type` is accepted; with ' +
    '`application/json` the body must be JSON, and is fetched as JSON.',
  tags: ['records'],
  parameters: [
    TOPIC,
    ...PRODUCE_QUERY,
    query('key', { type: 'string' }, 'Key of the record.'),
    ...PRODUCER_HEADERS,
  ],
  requestBody: { required: true, content: { 'application/octet-stream': { schema: BYTES } } },
  responses: PRODUCED,
};

const PRODUCE_LINES: Operation = {
  'x-error-codes': PRODUCE_ERRORS,
  operationId: 'produceLines',
  summary: 'Append a stream of records, one per line',
  description:
    'Each line is a record in JSON (`RecordToProduce`), limited to the size of a request; the stream ' +
    'may have any length. The answer has a line for each, in order: `{"line", "partition", "offset"}` or ' +
    '`{"line", "error": {problem}}`. It is sent while the body arrives: a client that reads only ' +
    'afterwards must send `report=errors`, and gets the lines that failed and the counts.',
  tags: ['records'],
  parameters: [
    TOPIC,
    ...PRODUCE_QUERY,
    query(
      'lines',
      { type: 'string', enum: ['value'] },
      'Each line is the value of a record, as JSON if it is valid JSON, else as text; empty ' +
        'lines are skipped. The body may be `text/plain`, and `key` is the key of every record.',
    ),
    query(
      'report',
      { type: 'string', enum: ['all', 'errors'], default: 'all' },
      'Lines of the answer: all, or those that failed.',
    ),
  ],
  requestBody: {
    required: true,
    content: { 'application/x-ndjson': { schema: { type: 'string' } } },
  },
  responses: {
    200: {
      description: 'Result of each line.',
      content: { 'application/x-ndjson': { schema: BYTES } },
    },
  },
};

/** Query parameters for the position and the wait of a fetch. */
const POSITION_QUERY: readonly Parameter[] = [
  query(
    'offset',
    OFFSET,
    'The first offset to read. `earliest` and `latest` are accepted too, as in `from`.',
  ),
  query(
    'from',
    { type: 'string', enum: ['earliest', 'latest'], default: 'earliest' },
    'Start position without `offset` and `timestamp`.',
  ),
  query(
    'timestamp',
    OFFSET,
    'Replaces `offset`: begins at the first record with this timestamp or a later one.',
  ),
  query(
    'leaderEpoch',
    PARTITION_NUMBER,
    'Leader epoch of the last record read; detects a truncation.',
  ),
];

const WAIT_QUERY: readonly Parameter[] = [
  query(
    'waitMs',
    { ...INT32, minimum: 0, maximum: FETCH_WAIT_MS_MAX, default: 0 },
    'Time to wait for `minBytes`: a long poll.',
  ),
  query(
    'minBytes',
    { ...INT32, minimum: 1, maximum: FETCH_BYTES_MAX, default: 1 },
    'Bytes that end the wait.',
  ),
];

const FORMAT = query(
  'format',
  { type: 'string', enum: ['auto', 'json', 'string', 'base64'], default: 'auto' },
  'Representation of keys and values.',
);

const LIMIT: Schema = { ...INT32, minimum: 1, maximum: INT32_MAX };

const FETCH: Operation = {
  'x-error-codes': FETCH_ERRORS,
  operationId: 'fetch',
  summary: 'Read records of a partition',
  description:
    'Records below the high watermark, in order of their offsets. Without records it waits ' +
    '`waitMs` for the next append. `Accept: application/x-ndjson` answers like `records:ndjson`, and ' +
    '`format=raw` with `limit=1` like `records:raw`.',
  tags: ['records'],
  parameters: [
    TOPIC,
    PARTITION,
    ...POSITION_QUERY,
    query('limit', LIMIT, `Maximum number of records. Default: ${FETCH_LIMIT_DEFAULT}.`),
    query(
      'maxBytes',
      { ...INT32, minimum: 1, maximum: FETCH_BYTES_MAX },
      `Maximum bytes; one record is always returned. Default: ${FETCH_BYTES_DEFAULT}.`,
    ),
    ...WAIT_QUERY,
    FORMAT,
  ],
  responses: {
    200: {
      description: 'Records; the list may be empty.',
      content: { 'application/json': { schema: ref('FetchedRecords') } },
    },
  },
};

const FETCH_VALUE: Operation = {
  'x-error-codes': FETCH_ERRORS,
  operationId: 'fetchValue',
  summary: 'Read the value of one record as bytes',
  description:
    'Headers have the offset, the timestamp and the key. Keys above 4096 bytes are omitted. The ' +
    'type of the answer is `application/json` if the value was sent as JSON, and `text/plain` if ' +
    'it is UTF-8.',
  tags: ['records'],
  parameters: [TOPIC, PARTITION, ...POSITION_QUERY, ...WAIT_QUERY],
  responses: {
    200: {
      description: 'The value.',
      headers: {
        'Sluice-Offset': { description: 'Offset of the record.', schema: OFFSET },
        'Sluice-Next-Offset': { description: 'The offset to fetch next.', schema: OFFSET },
        'Sluice-High-Watermark': {
          description: 'First offset that is not committed.',
          schema: OFFSET,
        },
        'Sluice-Timestamp': {
          description: 'Milliseconds since the epoch.',
          schema: { type: 'integer', format: 'int64' },
        },
        'Sluice-Tombstone': {
          description: '`true` if the value is null.',
          schema: { type: 'string' },
        },
        'Sluice-Key': { description: 'The key, percent-encoded.', schema: { type: 'string' } },
        'Sluice-Key-Base64': {
          description: 'The key in base64, if it is not UTF-8.',
          schema: { type: 'string' },
        },
        'Sluice-Key-Size': {
          description: 'Size in bytes of an omitted key.',
          schema: OFFSET,
        },
      },
      content: {
        'application/octet-stream': { schema: BYTES },
        'application/json': { schema: BYTES },
        'text/plain': { schema: BYTES },
      },
    },
    204: { description: 'There is no record.' },
  },
};

const FETCH_LINES: Operation = {
  'x-error-codes': FETCH_ERRORS,
  operationId: 'fetchLines',
  summary: 'Read records of a partition as a stream, one per line',
  description:
    'Each line is a record as in a fetch (`FetchedRecord`), up to the high watermark of the ' +
    'start; the last line is `{"nextOffset", "highWatermark"}`. With `waitMs` it continues until no record ' +
    'arrives for that time, with `follow` until the client disconnects.',
  tags: ['records'],
  parameters: [
    TOPIC,
    PARTITION,
    ...POSITION_QUERY,
    query('limit', LIMIT, 'Maximum number of records. Default: unlimited.'),
    query('maxBytes', { ...OFFSET, minimum: 1 }, 'Maximum bytes. Default: unlimited.'),
    ...WAIT_QUERY,
    FORMAT,
    query(
      'follow',
      { type: 'boolean', default: false },
      'Continues at the high watermark, without an end.',
    ),
  ],
  responses: {
    200: {
      description: 'Records, one per line; there may be none.',
      content: { 'application/x-ndjson': { schema: BYTES } },
    },
  },
};

const EVENTS: Operation = {
  'x-error-codes': FETCH_ERRORS,
  operationId: 'subscribeToEvents',
  summary: "A topic's records as server-sent events",
  description:
    'For EventSource and `curl -N`. `event: record` has one record as in a fetch as its `data`; its ' +
    '`id` holds the positions of all partitions after it, so that `Last-Event-ID` resumes with ' +
    'nothing lost or repeated. `event: reset` reports that `autoOffsetReset` moved a partition; ' +
    '`event: error` has a problem as its `data` and ends the stream. Comments are sent during silence.',
  tags: ['records'],
  parameters: [
    TOPIC,
    query(
      'from',
      { type: 'string', enum: ['latest', 'earliest'], default: 'latest' },
      'Start position without an id.',
    ),
    query(
      'partitions',
      { type: 'string', pattern: '^(0|[1-9][0-9]*)(,(0|[1-9][0-9]*))*$' },
      `Partitions separated by commas, at most ${EVENT_PARTITIONS_MAX}. Default: all, including those added later.`,
    ),
    query(
      'lastEventId',
      { type: 'string' },
      'Same as `Last-Event-ID`, which takes precedence; for a new EventSource, which cannot set a header.',
    ),
    query(
      'autoOffsetReset',
      { type: 'string', enum: ['latest', 'earliest', 'none'], default: 'none' },
      'Position to continue at if an offset is no longer in the log; `none` is an error.',
    ),
    {
      name: 'Last-Event-ID',
      in: 'header',
      description: 'The `id` of the last event received; the stream resumes after it.',
      schema: { type: 'string' },
    },
  ],
  responses: {
    200: {
      description: 'Events, until the client disconnects.',
      content: { 'text/event-stream': { schema: { type: 'string' } } },
    },
  },
};

/** Operations by path, merged with those that the controllers describe. */
export const DATA_PATHS: Readonly<Record<string, PathItem>> = {
  [PRODUCE_PATH]: { post: PRODUCE },
  [`${PRODUCE_PATH}:raw`]: { post: PRODUCE_VALUE },
  [`${PRODUCE_PATH}:ndjson`]: { post: PRODUCE_LINES },
  [FETCH_PATH]: { get: FETCH },
  [`${FETCH_PATH}:raw`]: { get: FETCH_VALUE },
  [`${FETCH_PATH}:ndjson`]: { get: FETCH_LINES },
  [EVENTS_PATH]: { get: EVENTS },
};

function query(name: string, schema: Schema, description?: string): Parameter {
  return { name, in: 'query', schema, ...(description === undefined ? {} : { description }) };
}

function header(name: string, schema: Schema, description: string): Parameter {
  return { name, in: 'header', description, schema };
}
