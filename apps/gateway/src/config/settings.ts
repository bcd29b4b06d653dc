/**
 * The one table of settings. Everything that is configurable is a row here: the reader of the
 * environment, the reference page and the checks at start are made from it.
 */
import { CLUSTER_SETTINGS, type DerivedClusterSettings, isHost } from './cluster-settings.js';
import {
  choice,
  flag,
  optional,
  optionalText,
  optionalWholeNumber,
  type Parsed,
  type SettingValue,
  text,
  wholeNumber,
} from './setting.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const INT32_MAX = 2 ** 31 - 1;
/** Longest delay a Node timer takes. */
const TIMER_MS_MAX = INT32_MAX;

const GENERAL_SETTINGS = {
  host: text({
    variable: 'SLUICE_HOST',
    byDefault: '127.0.0.1',
    accepts: 'a host name or an IP address',
    isAccepted: isHost,
    sentence: 'Address that the public listener binds to; `0.0.0.0` or `::` for all.',
  }),
  port: wholeNumber({
    variable: 'SLUICE_PORT',
    byDefault: 8080,
    min: 0,
    max: 65_535,
    sentence: 'Port of the public listener: REST, docs, metrics, health. 0 takes a free one.',
  }),
  publicUrl: optional({
    variable: 'SLUICE_PUBLIC_URL',
    defaultNote: 'from host and port',
    accepts: 'an http or https URL without query or fragment',
    parse: parsePublicUrl,
    sentence: 'What this broker tells clients to call it by.',
  }),
  corsOrigins: optional({
    variable: 'SLUICE_CORS_ORIGINS',
    defaultNote: 'own origin',
    accepts: 'origins such as https://app.example.com, separated by commas, or "*" for all',
    parse: parseOrigins,
    sentence:
      'Origins of web pages that may call besides its own; a request with any other `Origin` is refused with 403 before it has an effect.',
  }),
  dataDir: text({
    variable: 'SLUICE_DATA_DIR',
    byDefault: './data',
    accepts: 'a path',
    isAccepted: (value) => value.length > 0 && !value.includes('\0'),
    sentence: 'Directory that the log lives in; made when it is missing. One process at a time.',
  }),
  durability: choice({
    variable: 'SLUICE_DURABILITY',
    byDefault: 'fsync',
    choices: ['fsync', 'os'],
    sentence:
      '`fsync`: acknowledged after fdatasync (group commit). `os`: after the write, so that a power cut may lose what was acknowledged.',
  }),
  diskReserveBytes: wholeNumber({
    variable: 'SLUICE_DISK_RESERVE_BYTES',
    byDefault: 4 * MIB,
    min: 0,
    max: GIB,
    sentence:
      'Room in the data directory that records never take: on a full disk deletions, configs and a start are written with it. Some 500 bytes for each partition are enough.',
  }),
  brokerId: wholeNumber({
    variable: 'SLUICE_BROKER_ID',
    byDefault: 0,
    min: 0,
    max: INT32_MAX,
    sentence: "This broker's id, unique in its cluster.",
  }),
  clusterId: text({
    variable: 'SLUICE_CLUSTER_ID',
    byDefault: 'sluice',
    accepts: '1 to 64 of the characters a-z, A-Z, 0-9, ".", "_" and "-"',
    isAccepted: (value) => /^[a-zA-Z0-9._-]{1,64}$/.test(value),
    sentence:
      'Name of the cluster: prefix of every Redis key, so that two clusters may share one Redis.',
  }),
  redisUrl: optionalText({
    variable: 'SLUICE_REDIS_URL',
    defaultNote: 'none: one broker, without Redis',
    accepts:
      'redis://host:6379, redis+sentinel://host,host/master, redis+cluster://host,host or the same with rediss',
    isAccepted: (value) => /^rediss?(\+(sentinel|cluster))?:\/\/[^\s/]+/.test(value),
    isSecret: true,
    sentence:
      'Where the brokers of a cluster agree on who leads what. Set: cluster mode. User and password go before the host, the number of the database after it.',
  }),
  rack: optional({
    variable: 'SLUICE_RACK',
    defaultNote: 'none',
    accepts: '1 to 255 printable characters',
    parse: (value) => (/^[\x21-\x7e]{1,255}$/.test(value) ? { ok: true, value } : { ok: false }),
    sentence:
      'Where this broker stands: the replicas of a partition go to as many racks as can be.',
  }),
  ioThreads: wholeNumber({
    variable: 'SLUICE_IO_THREADS',
    byDefault: 32,
    min: 4,
    max: 1024,
    sentence: "Threads for file system calls (the size of libuv's pool).",
  }),
  syncsInFlightMax: optionalWholeNumber({
    variable: 'SLUICE_SYNCS_IN_FLIGHT_MAX',
    defaultNote: 'three quarters of SLUICE_IO_THREADS',
    min: 1,
    max: 1023,
    sentence:
      'Partitions that are synced at the same time. Below the number of threads, so that a read always finds one.',
  }),
  requestBytesMax: wholeNumber({
    variable: 'SLUICE_REQUEST_BYTES_MAX',
    byDefault: 16 * MIB,
    min: KIB,
    max: GIB,
    sentence:
      'Largest request body after unpacking; over it: 413 `REQUEST_TOO_LARGE`. NDJSON streams have no limit but that of each line.',
  }),
  requestMemoryBytes: wholeNumber({
    variable: 'SLUICE_REQUEST_MEMORY_BYTES',
    byDefault: 128 * MIB,
    min: KIB,
    max: 64 * GIB,
    sentence: 'Memory for all bodies being read together; over it: 503 `BUFFER_EXHAUSTED`.',
  }),
  recordsPerRequestMax: wholeNumber({
    variable: 'SLUICE_RECORDS_PER_REQUEST_MAX',
    byDefault: 100_000,
    min: 1,
    max: 10_000_000,
    sentence: 'Records of one produce request; over it: 413 `REQUEST_TOO_LARGE`.',
  }),
  headersPerRecordMax: wholeNumber({
    variable: 'SLUICE_HEADERS_PER_RECORD_MAX',
    byDefault: 100,
    min: 0,
    max: 100_000,
    sentence: 'Headers of one record; over it: 400 `INVALID_RECORD`.',
  }),
  bufferMemoryBytes: wholeNumber({
    variable: 'SLUICE_BUFFER_MEMORY_BYTES',
    byDefault: 32 * MIB,
    min: 64 * KIB,
    max: 64 * GIB,
    sentence:
      "Kafka's `buffer.memory`: records that wait to be written; over it: 503 `BUFFER_EXHAUSTED`.",
  }),
  maxBlockMs: wholeNumber({
    variable: 'SLUICE_MAX_BLOCK_MS',
    byDefault: 5000,
    min: 0,
    max: 600_000,
    sentence:
      "Kafka's `max.block.ms`: how long a request waits for buffer memory before it is refused; `acks=0` never waits.",
  }),
  batchSizeBytes: wholeNumber({
    variable: 'SLUICE_BATCH_SIZE_BYTES',
    byDefault: 16_384,
    min: 512,
    max: GIB,
    sentence: "Kafka's `batch.size`: past it a new record batch is begun.",
  }),
  lingerMs: wholeNumber({
    variable: 'SLUICE_LINGER_MS',
    byDefault: 0,
    min: 0,
    max: 60_000,
    sentence:
      "Kafka's `linger.ms`: how long records wait for company. 0 takes what gathered while the last write was under way.",
  }),
  longPollsMax: wholeNumber({
    variable: 'SLUICE_LONG_POLLS_MAX',
    byDefault: 10_000,
    min: 0,
    max: 1_000_000,
    sentence: 'Fetches that may wait at the same time; over it: 429 `THROTTLING_QUOTA_EXCEEDED`.',
  }),
  diskReadsMax: wholeNumber({
    variable: 'SLUICE_DISK_READS_MAX',
    byDefault: 16,
    min: 1,
    max: 1024,
    sentence:
      'Reads of records from disk that are under way at the same time, over all partitions; others wait in the order they came. Each holds up to `maxBytes` of memory.',
  }),
  topicsMax: wholeNumber({
    variable: 'SLUICE_TOPICS_MAX',
    byDefault: 2000,
    min: 1,
    max: 1_000_000,
    sentence: 'Topics of the cluster; over it: 409 `POLICY_VIOLATION`.',
  }),
  partitionsMax: wholeNumber({
    variable: 'SLUICE_PARTITIONS_MAX',
    byDefault: 10_000,
    min: 1,
    max: 1_000_000,
    sentence: 'Partitions of all topics together; over it: 409 `POLICY_VIOLATION`.',
  }),
  tailCacheBytes: wholeNumber({
    variable: 'SLUICE_TAIL_CACHE_BYTES',
    byDefault: 64 * MIB,
    min: 0,
    max: 64 * GIB,
    sentence: 'Memory for the newest record batches, so that readers at the tail read no disk.',
  }),
  renderCacheBytes: wholeNumber({
    variable: 'SLUICE_RENDER_CACHE_BYTES',
    byDefault: 64 * MIB,
    min: 0,
    max: 64 * GIB,
    sentence: 'Memory for record batches already written as JSON, shared by readers of the tail.',
  }),
  autoCreateTopics: flag({
    variable: 'SLUICE_AUTO_CREATE_TOPICS',
    byDefault: false,
    sentence: "Kafka's `auto.create.topics.enable`: producing to a topic that is missing makes it.",
  }),
  compression: choice({
    variable: 'SLUICE_COMPRESSION',
    byDefault: 'api',
    choices: ['off', 'api', 'all'],
    sentence:
      'Answers compressed for clients that ask: none, all but records, or fetched records too.',
  }),
  logLevel: choice({
    variable: 'SLUICE_LOG_LEVEL',
    byDefault: 'info',
    choices: ['fatal', 'error', 'warn', 'info', 'debug', 'silent'],
    sentence: 'Least severe lines that are logged. `debug` logs every request.',
  }),
  logFormat: choice({
    variable: 'SLUICE_LOG_FORMAT',
    byDefault: 'auto',
    choices: ['auto', 'json', 'pretty'],
    sentence: 'Form of the log on standard error; `auto`: pretty on a terminal, else JSON.',
  }),
  bodyIdleTimeoutMs: wholeNumber({
    variable: 'SLUICE_BODY_IDLE_TIMEOUT_MS',
    byDefault: 60_000,
    min: 100,
    max: TIMER_MS_MAX,
    sentence: 'How long a request body may stand still before its connection is closed.',
  }),
  stopTimeoutMs: wholeNumber({
    variable: 'SLUICE_STOP_TIMEOUT_MS',
    byDefault: 30_000,
    min: 0,
    max: TIMER_MS_MAX,
    sentence: 'How long a clean stop may take before the process ends with code 1.',
  }),
  connectionsMax: wholeNumber({
    variable: 'SLUICE_CONNECTIONS_MAX',
    byDefault: 10_000,
    min: 1,
    max: 1_000_000,
    sentence: 'Open connections; one above is closed as soon as it is accepted.',
  }),
  socketBufferBytes: wholeNumber({
    variable: 'SLUICE_SOCKET_BUFFER_BYTES',
    byDefault: 256 * KIB,
    min: 4 * KIB,
    max: GIB,
    sentence:
      'Bytes that wait for a subscriber to take them; with this much its delivery stops until it has. One frame may go over it.',
  }),
  frameBytesMax: wholeNumber({
    variable: 'SLUICE_FRAME_BYTES_MAX',
    byDefault: 256 * KIB,
    min: KIB,
    max: GIB,
    sentence: 'Largest frame of records sent to a subscriber; a single larger record still fits.',
  }),
  catchUpBytesMax: wholeNumber({
    variable: 'SLUICE_CATCH_UP_BYTES',
    byDefault: 32 * MIB,
    min: 0,
    max: 64 * GIB,
    sentence:
      'Memory for records read for subscribers that are behind, kept for a second for others at the same place.',
  }),
  catchUpReadsMax: wholeNumber({
    variable: 'SLUICE_CATCH_UP_READS_MAX',
    byDefault: 8,
    min: 1,
    max: 1024,
    sentence: 'Reads for subscribers that are behind which are under way at the same time.',
  }),
  cursorsMax: wholeNumber({
    variable: 'SLUICE_CURSORS_MAX',
    byDefault: 200_000,
    min: 1,
    max: 10_000_000,
    sentence:
      'Partitions that all subscriptions together read; over it: 429 `THROTTLING_QUOTA_EXCEEDED`.',
  }),
  subscriptionsPerSocketMax: wholeNumber({
    variable: 'SLUICE_SUBSCRIPTIONS_PER_SOCKET_MAX',
    byDefault: 1000,
    min: 1,
    max: 1_000_000,
    sentence: 'Subscriptions of one WebSocket; over it: `POLICY_VIOLATION`.',
  }),
  socketInboxMessagesMax: wholeNumber({
    variable: 'SLUICE_SOCKET_INBOX_MESSAGES_MAX',
    byDefault: 1024,
    min: 1,
    max: 1_000_000,
    sentence:
      'Messages of one WebSocket that are not answered yet; with this many no more are read from it until some are.',
  }),
  socketPingIntervalMs: wholeNumber({
    variable: 'SLUICE_SOCKET_PING_INTERVAL_MS',
    byDefault: 30_000,
    min: 100,
    max: TIMER_MS_MAX,
    sentence:
      'How often a WebSocket is pinged; one that takes everything and answers no ping for two intervals is closed.',
  }),
  socketStalledTimeoutMs: wholeNumber({
    variable: 'SLUICE_SOCKET_STALLED_TIMEOUT_MS',
    byDefault: 3_600_000,
    min: 1000,
    max: TIMER_MS_MAX,
    sentence:
      'How long a subscriber may take none of the bytes that wait for it before its connection is closed.',
  }),
  socketCompression: choice({
    variable: 'SLUICE_SOCKET_COMPRESSION',
    byDefault: 'off',
    choices: ['off', 'on'],
    sentence:
      '`on`: permessage-deflate for WebSockets that ask for it. A frame that many get is compressed once.',
  }),
  eventHeartbeatMs: wholeNumber({
    variable: 'SLUICE_EVENT_HEARTBEAT_MS',
    byDefault: 15_000,
    min: 100,
    max: TIMER_MS_MAX,
    sentence: 'A stream of server-sent events that is silent for so long gets a comment.',
  }),
  eventRetryMs: wholeNumber({
    variable: 'SLUICE_EVENT_RETRY_MS',
    byDefault: 2000,
    min: 0,
    max: TIMER_MS_MAX,
    sentence: 'How long an EventSource waits before it connects again (`retry:`).',
  }),
  producerBatchesRemembered: wholeNumber({
    variable: 'SLUICE_PRODUCER_BATCHES_REMEMBERED',
    byDefault: 512,
    min: 1,
    max: 100_000,
    sentence:
      'Record batches remembered for each idempotent producer and partition: how far back a retry is answered with its first offsets.',
  }),
  producerIdExpirationMs: wholeNumber({
    variable: 'SLUICE_PRODUCER_ID_EXPIRATION_MS',
    byDefault: 86_400_000,
    min: 1000,
    max: Number.MAX_SAFE_INTEGER,
    sentence: "Kafka's `producer.id.expiration.ms`: a silent producer is forgotten after it.",
  }),
  retentionCheckIntervalMs: wholeNumber({
    variable: 'SLUICE_RETENTION_CHECK_INTERVAL_MS',
    byDefault: 5000,
    min: 10,
    max: TIMER_MS_MAX,
    sentence: "Kafka's `log.retention.check.interval.ms`: how often old segments are looked for.",
  }),
  compactionCheckIntervalMs: wholeNumber({
    variable: 'SLUICE_COMPACTION_CHECK_INTERVAL_MS',
    byDefault: 5000,
    min: 10,
    max: TIMER_MS_MAX,
    sentence: "Kafka's `log.cleaner.backoff.ms`: how often logs to compact are looked for.",
  }),
  compactionBytesPerSecond: wholeNumber({
    variable: 'SLUICE_COMPACTION_BYTES_PER_SECOND',
    byDefault: 32 * MIB,
    min: 64 * KIB,
    max: 64 * GIB,
    sentence: "Kafka's `log.cleaner.io.max.bytes.per.second`: keeps compaction from the disk.",
  }),
  compactionMapBytes: wholeNumber({
    variable: 'SLUICE_COMPACTION_MAP_BYTES',
    byDefault: 32 * MIB,
    min: 64 * KIB,
    max: 2 * GIB,
    sentence:
      "Kafka's `log.cleaner.dedupe.buffer.size`: memory for the keys of a log that is compacted; with more keys it takes several passes.",
  }),
  offsetsKeptMax: wholeNumber({
    variable: 'SLUICE_OFFSETS_KEPT_MAX',
    byDefault: 1_000_000,
    min: 1,
    max: 100_000_000,
    sentence:
      'Committed offsets of all groups, which are kept in memory; over it: 409 `POLICY_VIOLATION`.',
  }),
  offsetsRetentionMinutes: wholeNumber({
    variable: 'SLUICE_OFFSETS_RETENTION_MINUTES',
    byDefault: 7 * 24 * 60,
    min: 1,
    max: INT32_MAX,
    sentence:
      "Kafka's `offsets.retention.minutes`: a group without members that has committed nothing for so long loses its offsets.",
  }),
  offsetsTopicPartitions: wholeNumber({
    variable: 'SLUICE_OFFSETS_TOPIC_PARTITIONS',
    byDefault: 16,
    min: 1,
    max: 1000,
    sentence:
      "Kafka's `offsets.topic.num.partitions`: partitions of `__consumer_offsets`. Fixed when that topic is made.",
  }),
};

/** All rows, in the order in which they are documented. */
export const SETTINGS = { ...GENERAL_SETTINGS, ...CLUSTER_SETTINGS };

type Values = { readonly [K in keyof typeof SETTINGS]: SettingValue<(typeof SETTINGS)[K]> };

type Derived = 'syncsInFlightMax' | 'corsOrigins' | keyof DerivedClusterSettings;

/** All settings with their effective values. */
export interface Settings extends Omit<Values, Derived>, DerivedClusterSettings {
  readonly syncsInFlightMax: number;
  /** Origins besides this broker's own; `*` is every origin. */
  readonly corsOrigins: readonly string[];
}

export type SettingName = keyof typeof SETTINGS;

function parsePublicUrl(value: string): Parsed<string> {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  const isAccepted =
    url !== undefined &&
    (url.protocol === 'http:' || url.protocol === 'https:') &&
    url.search === '' &&
    url.hash === '' &&
    url.username === '' &&
    url.password === '';
  return isAccepted ? { ok: true, value: url.href.replace(/\/$/, '') } : { ok: false };
}

function parseOrigins(value: string): Parsed<readonly string[]> {
  if (value === '*') return { ok: true, value: ['*'] };
  const origins = value.split(',').map((origin) => origin.trim());
  const isOrigin = (origin: string): boolean =>
    /^https?:\/\//.test(origin) && URL.canParse(origin) && new URL(origin).origin === origin;
  return origins.every(isOrigin) ? { ok: true, value: origins } : { ok: false };
}
