import {
  A_COUNT,
  A_DESERIALIZER,
  A_SIGNAL,
  assertArgument,
  assertOptions,
  type Check,
  isText,
  isWhole,
  oneOf,
  PLACES,
} from '../connection/checks.js';
import type { Deserializers, Position, RecordFormat } from '../received-record.js';

/** Positions of all partitions of a subscription: plain JSON, to be kept and resumed with. */
export interface SavedPosition {
  /** Next offsets of the partitions; one that is missing begins at its first record. */
  readonly offsets: readonly Position[];
  /** Ids of the topics by name: a topic that was deleted and created again is refused. */
  readonly topicIds?: Readonly<Record<string, string>>;
}

/** Begin of a subscription. */
export type From =
  | 'latest'
  | 'earliest'
  | {
      /** Time of the first record, milliseconds since the epoch. */
      readonly timestamp: number;
    }
  | SavedPosition;

/** Options of a subscription. */
export interface SubscribeOptions<K = unknown, V = unknown> extends Deserializers<K, V> {
  /** Begin: an end of the log, a time (ms since the epoch) or a saved position. Default: latest. */
  readonly from?: From | undefined;
  /** Partitions of each topic. Default: all, including those that are added later. */
  readonly partitions?: readonly number[] | undefined;
  /** Kafka's `auto.offset.reset`: begin when an offset is no longer in the log. Default: none. */
  readonly autoOffsetReset?: 'latest' | 'earliest' | 'none' | undefined;
  /** Records that may wait for the program. Default: 1000. */
  readonly bufferRecords?: number | undefined;
  /** Ends the subscription; its loop rejects with the reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of a subscription, checked and completed. */
export interface SubscriptionRequest {
  readonly topics: readonly string[];
  readonly from: From;
  readonly partitions: readonly number[] | undefined;
  readonly autoOffsetReset: 'latest' | 'earliest' | 'none';
  readonly bufferRecords: number;
  readonly format: RecordFormat | undefined;
}

const CHECKS: Readonly<Record<string, Check>> = {
  from: [isFrom, '"latest", "earliest", { timestamp: ms } or the position of a subscription'],
  partitions: [
    (value) => Array.isArray(value) && value.length > 0 && value.every((one) => isWhole(one)),
    'a list of at least one whole number from 0',
  ],
  autoOffsetReset: oneOf('latest', 'earliest', 'none'),
  bufferRecords: A_COUNT,
  signal: A_SIGNAL,
  keyDeserializer: A_DESERIALIZER,
  valueDeserializer: A_DESERIALIZER,
};

const TOPICS: Check = [
  (value) => Array.isArray(value) && value.length > 0 && value.every(isText),
  'the name of a topic, or a list of at least one',
];

/** @throws SluiceError INVALID_CONFIG that names the wrong option */
export function subscriptionRequest(
  given: string | readonly string[],
  options: SubscribeOptions,
): Omit<SubscriptionRequest, 'format'> {
  assertOptions('subscribe', options, CHECKS);
  const { from = 'latest', partitions, autoOffsetReset = 'none', bufferRecords = 1000 } = options;
  const topics = typeof given === 'string' ? [given] : given;
  assertArgument('topics', topics, TOPICS);
  return { topics, from, partitions, autoOffsetReset, bufferRecords };
}

function isFrom(from: unknown): boolean {
  if (from === 'latest' || from === 'earliest') return true;
  const { timestamp, offsets } = (from ?? {}) as Readonly<Record<string, unknown>>;
  return isWhole(timestamp) || PLACES[0](offsets);
}
