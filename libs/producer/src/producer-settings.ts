/**
 * The settings of a producer, with Kafka's meanings, defaults and checks. A setting that Kafka does
 * not have says so.
 */
import type { Acks, CompressionType, CreateError } from './produce-transport.js';
import type { CustomPartitioner, ProducerInterceptor, Serializer } from './producer-record.js';

const INT32_MAX = 2 ** 31 - 1;
const IDEMPOTENT_IN_FLIGHT_MAX = 5;

/** Settings that users may give; those that are absent have Kafka's defaults. */
export interface ProducerOptions<K = unknown, V = unknown> {
  /**
   * Kafka's `acks`, default `all`: when a record counts as written. `all`: all replicas in sync
   * have it; `1`: the leader has it; `0`: the broker received it, whatever becomes of it.
   */
  readonly acks?: Acks | -1 | 0 | 1 | '-1' | undefined;
  /**
   * Kafka's `batch.size`, default 16384: bytes of records that are sent together. Records that had
   * to wait for an earlier request to end are sent in batches of up to eight times as much.
   */
  readonly batchSize?: number | undefined;
  /** Kafka's `linger.ms`, default 0: time that a batch waits for more records, ms. */
  readonly lingerMs?: number | undefined;
  /** Kafka's `buffer.memory`, default 33554432: bytes of records that are not written yet. */
  readonly bufferMemory?: number | undefined;
  /** Kafka's `max.block.ms`, default 60000: time to wait for buffer memory and metadata, ms. */
  readonly maxBlockMs?: number | undefined;
  /**
   * Kafka's `max.in.flight.requests.per.connection`, default 5: requests that a broker has not
   * answered yet. Idempotence allows at most 5.
   */
  readonly maxInFlightRequestsPerConnection?: number | undefined;
  /** Short name of `maxInFlightRequestsPerConnection`. */
  readonly maxInFlight?: number | undefined;
  /** Kafka's `retries`, default 2147483647: further attempts after an error that is retriable. */
  readonly retries?: number | undefined;
  /**
   * Kafka's `delivery.timeout.ms`, default 120000: time from `send` until a record is written or
   * has failed, ms. It must be at least `lingerMs` + `requestTimeoutMs`.
   */
  readonly deliveryTimeoutMs?: number | undefined;
  /** Kafka's `request.timeout.ms`, default 30000: time to wait for the answer to a request, ms. */
  readonly requestTimeoutMs?: number | undefined;
  /** Kafka's `retry.backoff.ms`, default 100: longest delay before the first retry, ms. */
  readonly retryBackoffMs?: number | undefined;
  /** Kafka's `retry.backoff.max.ms`, default 1000: longest delay between two attempts, ms. */
  readonly retryBackoffMaxMs?: number | undefined;
  /** Kafka's `compression.type`, default `none`; `gzip` where the platform has it. */
  readonly compressionType?: CompressionType | undefined;
  /**
   * Kafka's `enable.idempotence`, default true: a retry never writes a record twice. Unless it is
   * set, other settings that contradict it switch it off.
   */
  readonly enableIdempotence?: boolean | undefined;
  /** Kafka's `max.request.size`, default 1048576: bytes of the largest record or request. */
  readonly maxRequestSize?: number | undefined;
  /** Kafka's `metadata.max.age.ms`, default 300000: age at which metadata is refreshed, ms. */
  readonly metadataMaxAgeMs?: number | undefined;
  /** Kafka's `partitioner.ignore.keys`, default false: keys do not choose the partition. */
  readonly partitionerIgnoreKeys?: boolean | undefined;
  /**
   * Kafka's `partitioner.class`, default `sticky`: the key's murmur2, else one partition for a
   * batch's worth of bytes. `roundRobin`: the partitions in turns, whatever the keys.
   */
  readonly partitioner?: 'sticky' | 'roundRobin' | CustomPartitioner<K, V> | undefined;
  /** Kafka's `key.serializer`. Default: text, bytes or JSON, whatever the key is. */
  readonly keySerializer?: Serializer<K> | undefined;
  /** Kafka's `value.serializer`. Default: text, bytes or JSON, whatever the value is. */
  readonly valueSerializer?: Serializer<V> | undefined;
  /** Kafka's `interceptor.classes`, in the order of their calls. */
  readonly interceptors?: readonly ProducerInterceptor<K, V>[] | undefined;
  /** Kafka has none: called with failures that no promise and no callback tells. */
  readonly onError?: ((error: Error) => unknown) | undefined;
}

/** Numbers, with the least and the greatest value that is accepted and the default. */
const NUMBERS = {
  batchSize: [0, INT32_MAX, 16_384],
  lingerMs: [0, INT32_MAX, 0],
  bufferMemory: [0, Number.MAX_SAFE_INTEGER, 33_554_432],
  maxBlockMs: [0, INT32_MAX, 60_000],
  maxInFlightRequestsPerConnection: [1, INT32_MAX, IDEMPOTENT_IN_FLIGHT_MAX],
  retries: [0, INT32_MAX, INT32_MAX],
  deliveryTimeoutMs: [0, INT32_MAX, 120_000],
  requestTimeoutMs: [1, INT32_MAX, 30_000],
  retryBackoffMs: [0, INT32_MAX, 100],
  retryBackoffMaxMs: [0, INT32_MAX, 1000],
  maxRequestSize: [0, INT32_MAX, 1_048_576],
  metadataMaxAgeMs: [0, INT32_MAX, 300_000],
} as const satisfies Partial<Record<keyof ProducerOptions, readonly [number, number, number]>>;

/** Other settings with their accepted values, the first of which is the default. */
const CHOICES = {
  acks: ['all', '1', '0', 1, 0, -1, '-1'],
  compressionType: ['none', 'gzip'],
  enableIdempotence: [true, false],
  partitionerIgnoreKeys: [false, true],
  partitioner: ['sticky', 'roundRobin'],
} as const satisfies Partial<Record<keyof ProducerOptions, readonly unknown[]>>;

const isFunction = (value: unknown): boolean => typeof value === 'function';
const isInterceptor = (value: unknown): boolean => {
  if (typeof value !== 'object' || value === null) return false;
  const members = value as Readonly<Record<string, unknown>>;
  return ['onSend', 'onAcknowledgement', 'close'].every((name) => {
    return members[name] === undefined || isFunction(members[name]);
  });
};
const SERIALIZER = [
  (value: unknown) => isFunction((value as Partial<Serializer> | null)?.serialize),
  'an object with the function serialize',
] as const;

/** Settings that are functions and objects of the user, with a check and its sentence. */
const USER_CODE = {
  keySerializer: SERIALIZER,
  valueSerializer: SERIALIZER,
  interceptors: [
    (value: unknown) => Array.isArray(value) && value.every(isInterceptor),
    'a list of objects',
  ],
  onError: [isFunction, 'a function'],
} as const satisfies Partial<
  Record<keyof ProducerOptions, readonly [(value: unknown) => boolean, string]>
>;

type NumberName = keyof typeof NUMBERS;

/** Settings of which none is absent and none contradicts another. */
export interface ProducerSettings extends Readonly<Record<NumberName, number>> {
  readonly acks: Acks;
  readonly compressionType: CompressionType;
  readonly enableIdempotence: boolean;
  readonly partitionerIgnoreKeys: boolean;
  readonly partitioner: 'sticky' | 'roundRobin' | CustomPartitioner;
}

/**
 * Fills in defaults and checks the settings.
 * @throws an error with code INVALID_CONFIG that names the setting and what is accepted
 */
export function checkProducerOptions<K, V>(
  options: ProducerOptions<K, V>,
  createError: CreateError,
): ProducerSettings {
  const refuse = (detail: string): never => {
    throw createError('INVALID_CONFIG', detail, { retriable: false, outcome: 'failed' });
  };
  const settings: Record<string, unknown> = {};
  const given: Record<string, unknown> = {};
  for (const [name, [, , value]] of Object.entries(NUMBERS)) settings[name] = value;
  for (const [name, [value]] of Object.entries(CHOICES)) settings[name] = value;
  for (const [short, value] of Object.entries(options)) {
    if (value === undefined) continue;
    const name = short === 'maxInFlight' ? 'maxInFlightRequestsPerConnection' : short;
    const accepted = acceptedInPlaceOf(name, value);
    if (accepted !== undefined) refuse(`${short} is ${shown(value)}: ${accepted}.`);
    given[name] = value;
  }
  Object.assign(settings, given);
  settings['acks'] = String(settings['acks']).replace('-1', 'all');
  return checkTogether(settings as unknown as ProducerSettings, given, refuse);
}

/** The sentence about a value that is not accepted; undefined for one that is. */
function acceptedInPlaceOf(name: string, value: unknown): string | undefined {
  const userCode = USER_CODE[name as keyof typeof USER_CODE] as
    | readonly [(value: unknown) => boolean, string]
    | undefined;
  if (userCode !== undefined) {
    const [isAccepted, sentence] = userCode;
    return isAccepted(value) ? undefined : `it must be ${sentence}`;
  }
  const bounds = (NUMBERS as Partial<Record<string, readonly [number, number, number]>>)[name];
  if (bounds !== undefined) {
    const [least, greatest] = bounds;
    const isInRange = Number(value) >= least && Number(value) <= greatest;
    if (Number.isInteger(value) && isInRange) return undefined;
    return `it must be a whole number from ${least} to ${greatest}`;
  }
  const choices = (CHOICES as Partial<Record<string, readonly unknown[]>>)[name];
  if (choices === undefined) return 'a producer has no such setting';
  const isPartitioner = name === 'partitioner';
  if (choices.includes(value) || (isPartitioner && typeof value === 'function')) return undefined;
  return `it must be ${choices.map(shown).join(' or ')}${isPartitioner ? ' or a function' : ''}`;
}

/** Checks settings against each other as Kafka does, and adjusts those that were not given. */
function checkTogether(
  settings: ProducerSettings,
  given: Record<string, unknown>,
  refuse: (detail: string) => never,
): ProducerSettings {
  let { deliveryTimeoutMs, enableIdempotence } = settings;
  const { lingerMs, requestTimeoutMs } = settings;
  const deliveryTimeoutMsMin = lingerMs + requestTimeoutMs;
  if (deliveryTimeoutMs < deliveryTimeoutMsMin) {
    if (given['deliveryTimeoutMs'] !== undefined) {
      refuse(
        `deliveryTimeoutMs is ${deliveryTimeoutMs}: it must be at least lingerMs + ` +
          `requestTimeoutMs, which is ${deliveryTimeoutMsMin}.`,
      );
    }
    deliveryTimeoutMs = deliveryTimeoutMsMin;
  }
  const contradiction = enableIdempotence ? againstIdempotence(settings) : undefined;
  if (contradiction !== undefined) {
    if (given['enableIdempotence'] === true) {
      refuse(`enableIdempotence is true: it needs ${contradiction}.`);
    }
    enableIdempotence = false;
  }
  return { ...settings, deliveryTimeoutMs, enableIdempotence };
}

/** A need of idempotence that these settings do not meet; undefined when they meet all. */
function againstIdempotence(settings: ProducerSettings): string | undefined {
  const { acks, retries, maxInFlightRequestsPerConnection: inFlight } = settings;
  if (acks !== 'all') return `acks of "all", not "${acks}"`;
  if (retries === 0) return 'retries of at least 1, not 0';
  if (inFlight <= IDEMPOTENT_IN_FLIGHT_MAX) return undefined;
  return `maxInFlightRequestsPerConnection of at most ${IDEMPOTENT_IN_FLIGHT_MAX}, not ${inFlight}`;
}

function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}
