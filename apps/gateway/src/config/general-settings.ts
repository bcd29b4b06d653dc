import {
  choice,
  GIB,
  INT32_MAX,
  MIB,
  maskedUrl,
  optional,
  optionalText,
  optionalWholeNumber,
  type Parsed,
  TIMER_MS_MAX,
  text,
  wholeNumber,
} from '#settings';
import { isHost } from './cluster-settings.js';

/** Settings of the broker's identity, its listener, its log and its stop. */
export const GENERAL_SETTINGS = {
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
    sentence:
      'Port of the public listener: REST, WebSocket, docs, metrics, health. 0 takes a free port.',
  }),
  publicUrl: optional({
    variable: 'SLUICE_PUBLIC_URL',
    defaultNote: 'from host and port',
    accepts: 'an http or https URL without query or fragment',
    parse: parsePublicUrl,
    sentence: 'URL of this broker that it announces to clients.',
  }),
  corsOrigins: optional({
    variable: 'SLUICE_CORS_ORIGINS',
    defaultNote: 'own origin',
    accepts: 'origins such as https://app.example.com, separated by commas, or "*" for all',
    parse: parseOrigins,
    sentence:
      'Origins of web pages that may call this broker besides its own; a request with any other `Origin` is refused with 403 before it has an effect.',
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
      'redis://host:6379, redis+sentinel://host,host/master, redis+cluster://host,host or the same with rediss; user and password in percent encoding',
    isAccepted: (value) => /^rediss?(\+(sentinel|cluster))?:\/\/[^\s/]+/.test(value),
    isSecret: true,
    masked: maskedUrl,
    sentence:
      'Redis in which the brokers of a cluster keep its metadata. Setting it enables cluster mode. User and password precede the host, the number of the database follows it.',
  }),
  rack: optional({
    variable: 'SLUICE_RACK',
    defaultNote: 'none',
    accepts: '1 to 255 printable characters',
    parse: (value) => (/^[\x21-\x7e]{1,255}$/.test(value) ? { ok: true, value } : { ok: false }),
    sentence:
      'Rack of this broker: the replicas of a partition are spread over as many racks as possible.',
  }),
  logLevel: choice({
    variable: 'SLUICE_LOG_LEVEL',
    byDefault: 'info',
    choices: ['fatal', 'error', 'warn', 'info', 'debug', 'silent'],
    sentence: 'Lowest severity that is logged. `debug` logs every request.',
  }),
  logFormat: choice({
    variable: 'SLUICE_LOG_FORMAT',
    byDefault: 'auto',
    choices: ['auto', 'json', 'pretty'],
    sentence: 'Form of the log on standard error; `auto`: pretty on a terminal, else JSON.',
  }),
  metricsTopicsMax: wholeNumber({
    variable: 'SLUICE_METRICS_TOPICS_MAX',
    byDefault: 500,
    min: 0,
    max: 100_000,
    sentence:
      'Topics that have a series of their own in `/metrics`; all others share the series of topic `(others)`.',
  }),
  metricsGroupPartitionsMax: wholeNumber({
    variable: 'SLUICE_METRICS_GROUP_PARTITIONS_MAX',
    byDefault: 1000,
    min: 0,
    max: 100_000,
    sentence:
      'Partitions of groups that have a series of their lag in `/metrics`; `sluice_group_lags_left_out` counts the others. No label but topics and groups is chosen by clients.',
  }),
  heapBytes: optionalWholeNumber({
    variable: 'SLUICE_HEAP_BYTES',
    defaultNote: "V8's: a quarter of the memory of the machine or container, at most 4 GiB",
    min: 64 * MIB,
    max: 64 * GIB,
    sentence:
      'Limit of the heap; record batches and other buffers are outside it. Takes effect on Node 22.15 and later; for an earlier one, or to override it, set `NODE_OPTIONS=--max-old-space-size`.',
  }),
  stopTimeoutMs: wholeNumber({
    variable: 'SLUICE_STOP_TIMEOUT_MS',
    byDefault: 30_000,
    min: 0,
    max: TIMER_MS_MAX,
    sentence: 'Time that a clean stop may take before the process ends with code 1.',
  }),
};

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
