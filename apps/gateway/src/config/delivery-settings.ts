import { choice, GIB, KIB, MIB, TIMER_MS_MAX, wholeNumber } from '#settings';

/** Settings of live delivery: subscriptions, WebSockets and server-sent events. */
export const DELIVERY_SETTINGS = {
  renderCacheBytes: wholeNumber({
    variable: 'SLUICE_RENDER_CACHE_BYTES',
    byDefault: 64 * MIB,
    min: 0,
    max: 64 * GIB,
    sentence: 'Memory for record batches already rendered as JSON, shared by readers of the tail.',
  }),
  socketBufferBytes: wholeNumber({
    variable: 'SLUICE_SOCKET_BUFFER_BYTES',
    byDefault: 256 * KIB,
    min: 4 * KIB,
    max: GIB,
    sentence:
      'Bytes that wait for a subscriber; at this size its delivery pauses until it has received them. One frame may exceed it.',
  }),
  outboundMemoryBytes: wholeNumber({
    variable: 'SLUICE_OUTBOUND_MEMORY_BYTES',
    byDefault: 256 * MIB,
    min: 256 * KIB,
    max: 64 * GIB,
    sentence:
      'Bytes that were sent to all clients and not yet received by them: subscribers, streams and answers. A connection may use all that is free; with nothing free, deliveries wait and fetches are refused with 429 `THROTTLING_QUOTA_EXCEEDED`.',
  }),
  largePagesBytes: wholeNumber({
    variable: 'SLUICE_LARGE_PAGES_BYTES',
    byDefault: 64 * MIB,
    min: 1,
    max: 64 * GIB,
    sentence:
      'Memory for pages of more than 1 MiB while they are rendered: their batches and their JSON. Others wait in order of arrival; a single larger page is still rendered.',
  }),
  outboundStalledMs: wholeNumber({
    variable: 'SLUICE_OUTBOUND_STALLED_MS',
    byDefault: 10_000,
    min: 100,
    max: TIMER_MS_MAX,
    sentence:
      'While SLUICE_OUTBOUND_MEMORY_BYTES is used up and others wait for it, connections whose clients have received nothing for this time are cut. Clients that receive something now and then are kept.',
  }),
  frameBytesMax: wholeNumber({
    variable: 'SLUICE_FRAME_BYTES_MAX',
    byDefault: 256 * KIB,
    min: KIB,
    max: GIB,
    sentence:
      'Largest frame of records sent to a subscriber; a single larger record is still sent.',
  }),
  catchUpBytesMax: wholeNumber({
    variable: 'SLUICE_CATCH_UP_BYTES',
    byDefault: 32 * MIB,
    min: 0,
    max: 64 * GIB,
    sentence:
      'Memory for records read for subscribers that are behind; they are kept for a second for others at the same offset.',
  }),
  catchUpReadsMax: wholeNumber({
    variable: 'SLUICE_CATCH_UP_READS_MAX',
    byDefault: 8,
    min: 1,
    max: 1024,
    sentence: 'Concurrent reads for subscribers that are behind.',
  }),
  cursorsMax: wholeNumber({
    variable: 'SLUICE_CURSORS_MAX',
    byDefault: 200_000,
    min: 1,
    max: 10_000_000,
    sentence:
      'Partitions of all subscriptions together; above it: 429 `THROTTLING_QUOTA_EXCEEDED`.',
  }),
  subscriptionMemoryBytes: wholeNumber({
    variable: 'SLUICE_SUBSCRIPTION_MEMORY_BYTES',
    byDefault: 128 * MIB,
    min: 64 * KIB,
    max: 64 * GIB,
    sentence:
      'Heap used by the subscriptions of all clients, with their names, topics and partitions; above it: 429 `THROTTLING_QUOTA_EXCEEDED`.',
  }),
  subscriptionsPerSocketMax: wholeNumber({
    variable: 'SLUICE_SUBSCRIPTIONS_PER_SOCKET_MAX',
    byDefault: 1000,
    min: 1,
    max: 1_000_000,
    sentence: 'Subscriptions of one WebSocket; above it: `POLICY_VIOLATION`.',
  }),
  memberUnacknowledgedRecordsMax: wholeNumber({
    variable: 'SLUICE_MEMBER_UNACKNOWLEDGED_RECORDS_MAX',
    byDefault: 10_000,
    min: 1,
    max: 1_000_000,
    sentence:
      'Records that a member of a consumer group may have received without having acknowledged them: of a queue, or on a WebSocket with `autoCommit`. Credit above it: `POLICY_VIOLATION`; a poll of a queue gets no more.',
  }),
  socketInboxMessagesMax: wholeNumber({
    variable: 'SLUICE_SOCKET_INBOX_MESSAGES_MAX',
    byDefault: 1024,
    min: 1,
    max: 1_000_000,
    sentence:
      'Unanswered messages of one WebSocket; at this number no more are read until some are answered.',
  }),
  socketPingIntervalMs: wholeNumber({
    variable: 'SLUICE_SOCKET_PING_INTERVAL_MS',
    byDefault: 30_000,
    min: 100,
    max: TIMER_MS_MAX,
    sentence:
      'Interval between pings of a WebSocket; one that receives everything and answers no ping for two intervals is closed.',
  }),
  socketStalledTimeoutMs: wholeNumber({
    variable: 'SLUICE_SOCKET_STALLED_TIMEOUT_MS',
    byDefault: 3_600_000,
    min: 1000,
    max: TIMER_MS_MAX,
    sentence:
      'Time for which a subscriber may receive none of its waiting bytes before its connection is closed. For members of groups their session time-out applies, if it is shorter.',
  }),
  socketCloseTimeoutMs: wholeNumber({
    variable: 'SLUICE_SOCKET_CLOSE_TIMEOUT_MS',
    byDefault: 3000,
    min: 10,
    max: TIMER_MS_MAX,
    sentence:
      'Time that a client has to end a WebSocket that the gateway closes; then the connection is cut.',
  }),
  socketCompression: choice({
    variable: 'SLUICE_SOCKET_COMPRESSION',
    byDefault: 'off',
    choices: ['off', 'on'],
    sentence:
      '`on`: permessage-deflate for WebSockets that ask for it. A frame for many subscribers is compressed once.',
  }),
  eventHeartbeatMs: wholeNumber({
    variable: 'SLUICE_EVENT_HEARTBEAT_MS',
    byDefault: 15_000,
    min: 100,
    max: TIMER_MS_MAX,
    sentence: 'Silence after which a stream of server-sent events gets a comment.',
  }),
  eventRetryMs: wholeNumber({
    variable: 'SLUICE_EVENT_RETRY_MS',
    byDefault: 2000,
    min: 0,
    max: TIMER_MS_MAX,
    sentence: 'Time that an EventSource waits before it reconnects (`retry:`).',
  }),
};
