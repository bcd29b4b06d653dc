import {
  A_COUNT,
  A_DESERIALIZER,
  A_FLAG,
  A_FUNCTION,
  A_SIGNAL,
  A_TEXT,
  A_TIME,
  assertArgument,
  assertOptions,
  type Check,
  isText,
  oneOf,
} from '../connection/checks.js';
import type { Deserializers, TopicPartition } from '../received-record.js';

/** A topic by its name, or all topics whose whole names match a pattern in RE2 syntax. */
export type TopicChoice =
  | string
  | {
      /** Expression in RE2 syntax. */
      readonly pattern: string;
    };

/** Called with partitions that the group gives to this member or takes from it. */
export type PartitionsListener = (partitions: readonly TopicPartition[]) => void | Promise<void>;

/** Options that members of groups in both modes have. */
interface MembershipOptions<K, V> extends Deserializers<K, V> {
  /** Kafka's `group.id`. */
  readonly group: string;
  /** Topics to read, at least one. */
  readonly topics: readonly TopicChoice[];
  /** Kafka's `auto.offset.reset`: begin without a committed offset. Default: latest. */
  readonly autoOffsetReset?: 'latest' | 'earliest' | 'none' | undefined;
  /** Kafka's `session.timeout.ms`. Default: the config of the group, 45000 ms. */
  readonly sessionTimeoutMs?: number | undefined;
  /** Kafka's `group.instance.id`: keeps the partitions over reconnects and restarts. */
  readonly instanceId?: string | undefined;
  /** Closes it; its loop or `run` rejects with the reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of a consumer. */
export interface ConsumerOptions<K = unknown, V = unknown> extends MembershipOptions<K, V> {
  /**
   * Kafka's `enable.auto.commit`: a batch is committed when the loop asks for the next one, or
   * within 50 ms where others follow at once. Default: true.
   */
  readonly autoCommit?: boolean | undefined;
  /** Kafka's `auto.commit.interval.ms`: time between the commits of `run`. Default: 1000 ms. */
  readonly autoCommitIntervalMs?: number | undefined;
  /**
   * Kafka's `max.poll.interval.ms`: time to release a revoked partition, and to read or commit
   * anything while the buffer is full. Default: 300000 ms.
   */
  readonly maxPollIntervalMs?: number | undefined;
  /** Kafka's `max.poll.records`: records of one batch. Default: 500. */
  readonly maxPollRecords?: number | undefined;
  /** Records that may wait for the program. Default: 1000. */
  readonly bufferRecords?: number | undefined;
  /** Kafka's `partition.assignment.strategy`. Default: sticky. */
  readonly assignor?: 'sticky' | 'range' | 'roundrobin' | undefined;
  /** Called, and awaited, before the first record of new partitions. */
  readonly onAssigned?: PartitionsListener | undefined;
  /** Called, and awaited, before partitions move: the last moment to commit. */
  readonly onRevoked?: PartitionsListener | undefined;
  /** Called when partitions have moved already. */
  readonly onLost?: PartitionsListener | undefined;
}

/** Options of a worker on a queue. */
export interface QueueOptions<K = unknown, V = unknown> extends MembershipOptions<K, V> {
  /** Records that this worker may hold at a time without having settled them. Default: 16. */
  readonly prefetch?: number | undefined;
}

const MEMBERSHIP_CHECKS: Readonly<Record<string, Check>> = {
  group: A_TEXT,
  topics: [
    (value) => Array.isArray(value) && value.length > 0 && value.every(isTopicChoice),
    'a list of at least one name or { pattern }',
  ],
  sessionTimeoutMs: A_COUNT,
  instanceId: A_TEXT,
  signal: A_SIGNAL,
  keyDeserializer: A_DESERIALIZER,
  valueDeserializer: A_DESERIALIZER,
};
const NEEDED = ['group', 'topics'];
const CONSUMER_CHECKS = {
  ...MEMBERSHIP_CHECKS,
  autoOffsetReset: oneOf('latest', 'earliest', 'none'),
  autoCommit: A_FLAG,
  autoCommitIntervalMs: A_TIME,
  maxPollIntervalMs: A_COUNT,
  maxPollRecords: A_COUNT,
  bufferRecords: A_COUNT,
  assignor: oneOf('sticky', 'range', 'roundrobin'),
  onAssigned: A_FUNCTION,
  onRevoked: A_FUNCTION,
  onLost: A_FUNCTION,
};
const QUEUE_CHECKS = {
  ...MEMBERSHIP_CHECKS,
  autoOffsetReset: oneOf('latest', 'earliest'),
  prefetch: A_COUNT,
};

/** The options that a `run` has. */
type RunChecks = Readonly<Record<string, Check>>;

export const QUEUE_RUN: RunChecks = { concurrency: A_COUNT, signal: A_SIGNAL };
export const CONSUMER_RUN: RunChecks = { ...QUEUE_RUN, ordering: oneOf('partition', 'key') };

/** @throws SluiceError INVALID_CONFIG that names the wrong option */
export function assertConsumerOptions(options: unknown): void {
  assertOptions('consumer', options, CONSUMER_CHECKS, NEEDED);
}

/** @throws SluiceError INVALID_CONFIG that names the wrong option */
export function assertQueueOptions(options: unknown): void {
  assertOptions('queue', options, QUEUE_CHECKS, NEEDED);
}

/** @throws SluiceError INVALID_CONFIG that names the wrong argument of a `run` */
export function assertRun(handler: unknown, options: unknown, checks: RunChecks): void {
  assertArgument('handler', handler, A_FUNCTION);
  assertOptions('run', options, checks);
}

function isTopicChoice(choice: unknown): boolean {
  return isText(choice) || typeof (choice as { pattern?: unknown } | null)?.pattern === 'string';
}

/** The members of a join that both modes have. */
export function joinOf<K, V>(options: MembershipOptions<K, V>): Readonly<Record<string, unknown>> {
  const { topics, autoOffsetReset = 'latest', instanceId, sessionTimeoutMs } = options;
  return { topics, autoOffsetReset, instanceId, sessionTimeoutMs };
}
