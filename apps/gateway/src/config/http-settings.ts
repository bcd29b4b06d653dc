import { choice, GIB, KIB, MIB, TIMER_MS_MAX, wholeNumber } from '#settings';

/**
 * Settings of HTTP: bounds of connections, request bodies and long polls, and compression of
 * answers.
 */
export const HTTP_SETTINGS = {
  connectionsMax: wholeNumber({
    variable: 'SLUICE_CONNECTIONS_MAX',
    byDefault: 10_000,
    min: 1,
    max: 1_000_000,
    sentence:
      'Open connections. A connection above the limit replaces the one that has been without a request for longest; if all have a request, it is refused with 503.',
  }),
  firstByteTimeoutMs: wholeNumber({
    variable: 'SLUICE_FIRST_BYTE_TIMEOUT_MS',
    byDefault: 30_000,
    min: 100,
    max: TIMER_MS_MAX,
    sentence:
      'Time for which a new connection may be open without a byte of a request; then it is closed.',
  }),
  headTimeoutMs: wholeNumber({
    variable: 'SLUICE_HEAD_TIMEOUT_MS',
    byDefault: 30_000,
    min: 100,
    max: TIMER_MS_MAX,
    sentence:
      'Time that the head of a request may take, from its first byte to its last; after it: 408 `REQUEST_TIMED_OUT`.',
  }),
  keepAliveTimeoutMs: wholeNumber({
    variable: 'SLUICE_KEEP_ALIVE_TIMEOUT_MS',
    byDefault: 65_000,
    min: 100,
    max: TIMER_MS_MAX,
    sentence:
      'Time for which a connection is kept after an answer without another request. Set it above the timeout of a proxy (usually 60 s), so that the proxy closes first.',
  }),
  requestBytesMax: wholeNumber({
    variable: 'SLUICE_REQUEST_BYTES_MAX',
    byDefault: 16 * MIB,
    min: KIB,
    max: GIB,
    sentence:
      'Largest request body after unpacking; above it: 413 `REQUEST_TOO_LARGE`. In NDJSON streams it bounds each line only.',
  }),
  requestMemoryBytes: wholeNumber({
    variable: 'SLUICE_REQUEST_MEMORY_BYTES',
    byDefault: 128 * MIB,
    min: KIB,
    max: 64 * GIB,
    sentence:
      'Memory for unfinished data of clients: bodies, WebSocket messages, lines, and decompression. Above it: 503 `BUFFER_EXHAUSTED`; a WebSocket is closed with 1013.',
  }),
  controlBytesMax: wholeNumber({
    variable: 'SLUICE_CONTROL_BYTES_MAX',
    byDefault: MIB,
    min: KIB,
    max: GIB,
    sentence:
      'Largest body of a request of the control plane, and largest data of a WebSocket message other than `publish`; above it: 413 `REQUEST_TOO_LARGE`.',
  }),
  bodyItemsMax: wholeNumber({
    variable: 'SLUICE_BODY_ITEMS_MAX',
    byDefault: 10_000,
    min: 1,
    max: 10_000_000,
    sentence:
      'Items of one list in a body of the control plane or a WebSocket message; above it: 413 `REQUEST_TOO_LARGE`. Records have a bound of their own.',
  }),
  bodyMembersMax: wholeNumber({
    variable: 'SLUICE_BODY_MEMBERS_MAX',
    byDefault: 1000,
    min: 10,
    max: 10_000_000,
    sentence:
      'Members of one object in a body of the control plane or a WebSocket message; above it: 413 `REQUEST_TOO_LARGE`. A record with more unknown or repeated members is not read further: 400.',
  }),
  bodyValuesMax: wholeNumber({
    variable: 'SLUICE_BODY_VALUES_MAX',
    byDefault: 65_536,
    min: 100,
    max: 100_000_000,
    sentence:
      'Values of one body of the control plane or one WebSocket message, including nested ones; above it: 413 `REQUEST_TOO_LARGE`.',
  }),
  bodyDepthMax: wholeNumber({
    variable: 'SLUICE_BODY_DEPTH_MAX',
    byDefault: 32,
    min: 4,
    max: 512,
    sentence:
      'Depth to which lists and objects may nest in a body of the control plane or a WebSocket message; deeper: 400 `INVALID_REQUEST`. The value of a record may nest 512 deep.',
  }),
  recordsPerRequestMax: wholeNumber({
    variable: 'SLUICE_RECORDS_PER_REQUEST_MAX',
    byDefault: 100_000,
    min: 1,
    max: 10_000_000,
    sentence: 'Records of one produce request; above it: 413 `REQUEST_TOO_LARGE`.',
  }),
  headersPerRecordMax: wholeNumber({
    variable: 'SLUICE_HEADERS_PER_RECORD_MAX',
    byDefault: 100,
    min: 0,
    max: 100_000,
    sentence: 'Headers of one record; above it: 400 `INVALID_RECORD`.',
  }),
  bodyIdleTimeoutMs: wholeNumber({
    variable: 'SLUICE_BODY_IDLE_TIMEOUT_MS',
    byDefault: 60_000,
    min: 100,
    max: TIMER_MS_MAX,
    sentence:
      'Time for which a request body may make no progress; after it: 408 `REQUEST_TIMED_OUT`. The rest of a body whose request is already answered must arrive within this time, else its connection is closed.',
  }),
  pipelinedRequestsMax: wholeNumber({
    variable: 'SLUICE_PIPELINED_REQUESTS_MAX',
    byDefault: 64,
    min: 1,
    max: 10_000,
    sentence:
      'Requests in flight on one connection, if a client pipelines. At this number the connection is not read until one is answered.',
  }),
  longPollsMax: wholeNumber({
    variable: 'SLUICE_LONG_POLLS_MAX',
    byDefault: 10_000,
    min: 0,
    max: 1_000_000,
    sentence: 'Fetches that may wait at the same time; above it: 429 `THROTTLING_QUOTA_EXCEEDED`.',
  }),
  compression: choice({
    variable: 'SLUICE_COMPRESSION',
    byDefault: 'api',
    choices: ['off', 'api', 'all'],
    sentence:
      'Answers compressed for clients that ask: none, all but records, or fetched records too.',
  }),
};
