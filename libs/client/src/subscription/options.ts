import {
  assertDeserializers,
  assertKnown,
  assertOneOf,
  assertSignal,
  assertWhole,
} from '../connection/options.js';
import type { Deserializers, Position } from '../received-record.js';
import { optionError } from '../sluice-error.js';

/** Positions of all partitions of a subscription: plain JSON, to be kept and resumed with. */
export interface SavedPosition {
  /** Next offsets of the partitions; one that is missing begins at its first record. */
  readonly offsets: readonly Position[];
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
  readonly format: 'base64' | undefined;
}

const NAMES = [
  'from',
  'partitions',
  'autoOffsetReset',
  'bufferRecords',
  'signal',
  'keyDeserializer',
  'valueDeserializer',
];

/** @throws SluiceError INVALID_CONFIG that names the wrong option */
export function subscriptionRequest(
  topics: string | readonly string[],
  options: SubscribeOptions,
  format: 'base64' | undefined,
): SubscriptionRequest {
  assertKnown(options, NAMES, 'subscribe');
  assertDeserializers(options);
  assertSignal(options.signal);
  const { from = 'latest', partitions, autoOffsetReset = 'none', bufferRecords = 1000 } = options;
  assertOneOf('autoOffsetReset', autoOffsetReset, ['latest', 'earliest', 'none']);
  assertWhole('bufferRecords', bufferRecords);
  assertFrom(from);
  return {
    topics: topicsOf(topics),
    from,
    partitions,
    autoOffsetReset,
    bufferRecords,
    format,
  };
}

/** @throws SluiceError INVALID_CONFIG unless it is a name, or a list of at least one */
function topicsOf(topics: string | readonly string[]): readonly string[] {
  const names = typeof topics === 'string' ? [topics] : topics;
  const isList = Array.isArray(names) && names.length > 0;
  if (isList && names.every((name) => typeof name === 'string' && name !== '')) return names;
  throw optionError('topics', 'must be the name of a topic, or a list of at least one');
}

function assertFrom(from: From): void {
  const isSaved = typeof from === 'object' && from !== null;
  if (from === 'latest' || from === 'earliest') return;
  if (isSaved && 'timestamp' in from && Number.isSafeInteger(from.timestamp)) return;
  if (isSaved && 'offsets' in from && Array.isArray(from.offsets)) return;
  throw optionError(
    'from',
    'must be "latest", "earliest", { timestamp: ms } or the position of a subscription',
  );
}
