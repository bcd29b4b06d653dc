/**
 * The operations on records. Their handlers are plain functions that parse their requests by hand,
 * so the parameters are described here with the constants that the handlers check.
 */
import type { ErrorCode } from '#protocol';
import { FORMAT_NAMES } from '#record-json';
import { ref, type Schema } from '../schema/json-schema.js';
import { INT32_MAX, OFFSET, PARTITION, PRODUCER_EPOCH, PRODUCER_TOKEN } from '../schema/values.js';
import {
  EVENT_PARTITIONS_MAX,
  FETCH_BYTES_DEFAULT,
  FETCH_BYTES_MAX,
  FETCH_LIMIT_DEFAULT,
  FETCH_WAIT_MS_MAX,
  PRODUCE_TIMEOUT_MS_DEFAULT,
} from './limits.js';
import type { AnswerSpec, OperationSpecs, ParameterSpec } from './operation.js';

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

const INT32: Schema = { type: 'integer', format: 'int32' };
const BYTES: Schema = { type: 'string', format: 'binary' };

/** Query parameters of all forms of produce. */
const PRODUCE_QUERY = {
  acks: { schema: { type: 'string', enum: ['all', '1', '0'], default: 'all' } },
  timeoutMs: {
    schema: {
      ...INT32,
      minimum: 1,
      maximum: INT32_MAX,
      default: PRODUCE_TIMEOUT_MS_DEFAULT,
    },
  },
  partitioner: {
    schema: { type: 'string', enum: ['sticky', 'roundrobin'], default: 'sticky' },
    description: 'Partitioner for records without partition and key.',
  },
  partition: { schema: PARTITION, description: 'Partition of every record.' },
} as const satisfies Readonly<Record<string, ParameterSpec>>;

const PRODUCER_HEADERS = {
  'Producer-Id': {
    schema: OFFSET,
    description: 'Id of an idempotent producer; requires the two headers below.',
  },
  'Producer-Epoch': {
    schema: PRODUCER_EPOCH,
    description: 'Epoch of the producer, from `POST /v1/producers`.',
  },
  'Producer-Sequence': {
    schema: { ...INT32, minimum: 0, maximum: INT32_MAX },
    description:
      'Sequence of the first record in its partition: from 0, plus the number of records sent before.',
  },
  'Producer-Token': {
    schema: PRODUCER_TOKEN,
    description:
      'Proof that the id was issued to this caller, from `POST /v1/producers`; required while authentication is on.',
  },
} as const satisfies Readonly<Record<string, ParameterSpec>>;

const PRODUCED = {
  200: {
    description: 'Written.',
    body: { 'application/json': ref('ProducedOffsets') },
  },
  202: { description: 'The records are buffered (`acks=0`).' },
} as const satisfies Readonly<Record<number, AnswerSpec>>;

/** Query parameters for the position and the wait of a fetch. */
const POSITION_QUERY = {
  offset: {
    schema: OFFSET,
    description:
      'The first offset to read. `earliest` and `latest` are accepted too, as in `from`.',
  },
  from: {
    schema: { type: 'string', enum: ['earliest', 'latest'], default: 'earliest' },
    description: 'Start position without `offset` and `timestamp`.',
  },
  timestamp: {
    schema: OFFSET,
    description:
      'Replaces `offset`: begins at the first record with this timestamp or a later one.',
  },
  leaderEpoch: {
    schema: PARTITION,
    description: 'Leader epoch of the last record read; detects a truncation.',
  },
} as const satisfies Readonly<Record<string, ParameterSpec>>;

const WAIT_QUERY = {
  waitMs: {
    schema: { ...INT32, minimum: 0, maximum: FETCH_WAIT_MS_MAX, default: 0 },
    description: 'Time to wait for `minBytes`: a long poll.',
  },
  minBytes: {
    schema: { ...INT32, minimum: 1, maximum: FETCH_BYTES_MAX, default: 1 },
    description: 'Bytes that end the wait.',
  },
} as const satisfies Readonly<Record<string, ParameterSpec>>;

const FORMAT = {
  format: {
    schema: { type: 'string', enum: FORMAT_NAMES, default: 'auto' },
    description:
      'Representation of keys and values. `base64-key` and `base64-value` are `base64` for that field, ' +
      'and `auto` for the other one.',
  },
};

const LIMIT: Schema = { ...INT32, minimum: 1, maximum: INT32_MAX };

/** Operations on records, all of the plane `data`. */
export const RECORD_OPERATIONS = {
  produce: {
    method: 'POST',
    path: '/v1/topics/{topic}/records',
    plane: 'data',
    route: { handler: 'produce', form: 'any' },
    tag: 'records',
    needs: [{ resource: 'topic', operation: 'Write' }],
    errors: PRODUCE_ERRORS,
    summary: 'Append records to a topic',
    description:
      'All records are checked before the first is appended. It is answered once they are on ' +
      'disk (`acks=0`: once they are buffered). A single record (`{"value": ...}`) is accepted ' +
      'as well. This path accepts bodies of other types: `application/x-ndjson` as ' +
      '`records:ndjson` does, and any other one (`text/plain`, what curl sends) as the value of ' +
      'a record, with `?key=`, as `records:raw` does; `?body=value` makes the value of a JSON ' +
      'body. `multipart/*` and `application/vnd.kafka.*` are refused.',
    query: PRODUCE_QUERY,
    headers: PRODUCER_HEADERS,
    body: { 'application/json': ref('RecordsToProduce') },
    answers: {
      ...PRODUCED,
      207: {
        description: 'Writing failed for some partitions; `error` replaces their records.',
        body: { 'application/json': ref('PartlyProduced') },
      },
    },
  },
  produceValue: {
    method: 'POST',
    path: '/v1/topics/{topic}/records:raw',
    plane: 'data',
    route: { handler: 'produce', form: 'raw' },
    tag: 'records',
    needs: [{ resource: 'topic', operation: 'Write' }],
    errors: PRODUCE_ERRORS,
    summary: 'Append a body as the value of one record',
    description:
      'The body is the value, byte for byte; it may be empty. Any `Content-Type` is accepted; ' +
      'with `application/json` the body must be JSON, and is fetched as JSON.',
    query: {
      ...PRODUCE_QUERY,
      key: { schema: { type: 'string' }, description: 'Key of the record.' },
    },
    headers: PRODUCER_HEADERS,
    body: { 'application/octet-stream': BYTES },
    answers: PRODUCED,
  },
  produceLines: {
    method: 'POST',
    path: '/v1/topics/{topic}/records:ndjson',
    plane: 'data',
    route: { handler: 'produce', form: 'ndjson' },
    tag: 'records',
    needs: [{ resource: 'topic', operation: 'Write' }],
    errors: PRODUCE_ERRORS,
    summary: 'Append a stream of records, one per line',
    description:
      'Each line is a record in JSON (`RecordToProduce`), limited to the size of a request; the ' +
      'stream may have any length. The answer has a line for each, in order: `{"line", ' +
      '"partition", "offset"}` or `{"line", "error": {problem}}`. It is sent while the body ' +
      'arrives: a client that reads only afterwards must send `report=errors`, and gets the lines that failed and the counts. With the headers of a producer and ' +
      '`lines` the body is one record batch of `partition`, like a body of JSON, and no stream: ' +
      'limited to the size of a request, and written as a whole or not at all.',
    query: {
      ...PRODUCE_QUERY,
      lines: {
        schema: { type: 'string', enum: ['value', 'text'] },
        description:
          'Each line is the value of a record: with `value` as JSON if it is valid JSON, else as ' +
          'text; with `text` always as text. Empty lines are skipped. The body may be ' +
          '`text/plain`.',
      },
      key: {
        schema: { type: 'string' },
        description: 'Key of every record; requires `lines`.',
      },
      report: {
        schema: { type: 'string', enum: ['all', 'errors'], default: 'all' },
        description: 'Lines of the answer: all, or those that failed.',
      },
    },
    headers: PRODUCER_HEADERS,
    body: { 'application/x-ndjson': { type: 'string' } },
    answers: {
      200: {
        description: 'Result of each line.',
        body: { 'application/x-ndjson': BYTES },
      },
    },
  },
  fetch: {
    method: 'GET',
    path: '/v1/topics/{topic}/partitions/{partition}/records',
    plane: 'data',
    route: { handler: 'fetch', form: 'any' },
    tag: 'records',
    needs: [{ resource: 'topic', operation: 'Read' }],
    errors: FETCH_ERRORS,
    summary: 'Read records of a partition',
    description:
      'Records below the high watermark, in order of their offsets. Without records it waits ' +
      '`waitMs` for the next append. `Accept: application/x-ndjson` answers like ' +
      '`records:ndjson`, and `format=raw` with `limit=1` like `records:raw`.',
    query: {
      ...POSITION_QUERY,
      limit: {
        schema: LIMIT,
        description: `Maximum number of records. Default: ${FETCH_LIMIT_DEFAULT}.`,
      },
      maxBytes: {
        schema: { ...INT32, minimum: 1, maximum: FETCH_BYTES_MAX },
        description: `Maximum bytes; one record is always returned. Default: ${FETCH_BYTES_DEFAULT}.`,
      },
      ...WAIT_QUERY,
      ...FORMAT,
    },
    answers: {
      200: {
        description: 'Records; the list may be empty.',
        body: { 'application/json': ref('FetchedRecords') },
      },
    },
  },
  fetchValue: {
    method: 'GET',
    path: '/v1/topics/{topic}/partitions/{partition}/records:raw',
    plane: 'data',
    route: { handler: 'fetch', form: 'raw' },
    tag: 'records',
    needs: [{ resource: 'topic', operation: 'Read' }],
    errors: FETCH_ERRORS,
    summary: 'Read the value of one record as bytes',
    description:
      'Headers have the offset, the timestamp and the key. Keys above 4096 bytes are omitted. ' +
      'The type of the answer is `application/json` if the value was sent as JSON, and ' +
      '`text/plain` if it is UTF-8.',
    query: { ...POSITION_QUERY, ...WAIT_QUERY },
    answers: {
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
        body: {
          'application/octet-stream': BYTES,
          'application/json': BYTES,
          'text/plain': BYTES,
        },
      },
      204: { description: 'There is no record.' },
    },
  },
  fetchLines: {
    method: 'GET',
    path: '/v1/topics/{topic}/partitions/{partition}/records:ndjson',
    plane: 'data',
    route: { handler: 'fetch', form: 'ndjson' },
    tag: 'records',
    needs: [{ resource: 'topic', operation: 'Read' }],
    errors: FETCH_ERRORS,
    summary: 'Read records of a partition as a stream, one per line',
    description:
      'Each line is a record as in a fetch (`FetchedRecord`), up to the high watermark of the ' +
      'start; the last line is `{"nextOffset", "highWatermark"}`. With `waitMs` it continues ' +
      'until no record arrives for that time, with `follow` until the client disconnects.',
    query: {
      ...POSITION_QUERY,
      limit: { schema: LIMIT, description: 'Maximum number of records. Default: unlimited.' },
      maxBytes: {
        schema: { ...OFFSET, minimum: 1 },
        description: 'Maximum bytes. Default: unlimited.',
      },
      ...WAIT_QUERY,
      ...FORMAT,
      follow: {
        schema: { type: 'boolean', default: false },
        description: 'Continues at the high watermark, without an end.',
      },
    },
    answers: {
      200: {
        description: 'Records, one per line; there may be none.',
        body: { 'application/x-ndjson': BYTES },
      },
    },
  },
  subscribeToEvents: {
    method: 'GET',
    path: '/v1/topics/{topic}/events',
    plane: 'data',
    route: { handler: 'events', form: 'any' },
    tag: 'records',
    needs: [{ resource: 'topic', operation: 'Read' }],
    errors: FETCH_ERRORS,
    summary: "A topic's records as server-sent events",
    description:
      'For EventSource and `curl -N`. `event: record` has one record as in a fetch as its ' +
      '`data`; its `id` holds the positions of all partitions after it, so that `Last-Event-ID` ' +
      'resumes with nothing lost or repeated. `event: reset` reports that `autoOffsetReset` ' +
      'moved a partition; `event: error` has a problem as its `data` and ends the stream. Comments are sent during silence.',
    query: {
      from: {
        schema: { type: 'string', enum: ['latest', 'earliest'], default: 'latest' },
        description: 'Start position without an id.',
      },
      partitions: {
        schema: { type: 'string', pattern: '^(0|[1-9][0-9]*)(,(0|[1-9][0-9]*))*$' },
        description: `Partitions separated by commas, at most ${EVENT_PARTITIONS_MAX}. Default: all, including those added later.`,
      },
      lastEventId: {
        schema: { type: 'string' },
        description:
          'Same as `Last-Event-ID`, which takes precedence; for a new EventSource, which cannot set a header.',
      },
      autoOffsetReset: {
        schema: { type: 'string', enum: ['latest', 'earliest', 'none'], default: 'none' },
        description:
          'Position to continue at if an offset is no longer in the log; `none` is an error.',
      },
      ...FORMAT,
      ticket: {
        schema: { type: 'string' },
        description:
          'Ticket of `POST /v1/tickets`, in place of a credential; it can be used once, so an EventSource that reconnects needs a new one.',
      },
    },
    headers: {
      'Last-Event-ID': {
        description: 'The `id` of the last event received; the stream resumes after it.',
        schema: { type: 'string' },
      },
    },
    answers: {
      200: {
        description: 'Events, until the client disconnects.',
        body: { 'text/event-stream': { type: 'string' } },
      },
    },
  },
} as const satisfies OperationSpecs;
