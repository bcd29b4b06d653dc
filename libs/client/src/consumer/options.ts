import {
  assertDeserializers,
  assertKnown,
  assertOneOf,
  assertSignal,
  assertText,
  assertWhole,
} from '../connection/options.js';
import type { Deserializers, TopicPartition } from '../received-record.js';
import { optionError } from '../sluice-error.js';
import type { RunOptions } from './record-runner.js';

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

const MEMBERSHIP_NAMES = [
  'group',
  'topics',
  'autoOffsetReset',
  'sessionTimeoutMs',
  'instanceId',
  'keyDeserializer',
  'valueDeserializer',
];
const CONSUMER_NAMES = [
  ...MEMBERSHIP_NAMES,
  'autoCommit',
  'autoCommitIntervalMs',
  'maxPollIntervalMs',
  'maxPollRecords',
  'bufferRecords',
  'assignor',
  'onAssigned',
  'onRevoked',
  'onLost',
];

/** @throws SluiceError INVALID_CONFIG that names the wrong option */
export function assertConsumerOptions(options: ConsumerOptions): void {
  assertKnown(options, CONSUMER_NAMES, 'consumer');
  assertMembership(options);
  assertWhole('autoCommitIntervalMs', options.autoCommitIntervalMs);
  assertWhole('maxPollIntervalMs', options.maxPollIntervalMs);
  assertWhole('maxPollRecords', options.maxPollRecords);
  assertWhole('bufferRecords', options.bufferRecords);
  assertOneOf('assignor', options.assignor, ['sticky', 'range', 'roundrobin']);
  for (const name of ['onAssigned', 'onRevoked', 'onLost'] as const) {
    const listener: unknown = options[name];
    if (listener !== undefined && typeof listener !== 'function') {
      throw optionError(name, 'must be a function');
    }
  }
}

/** @throws SluiceError INVALID_CONFIG that names the wrong option */
export function assertQueueOptions(options: QueueOptions): void {
  assertKnown(options, [...MEMBERSHIP_NAMES, 'prefetch'], 'queue');
  assertMembership(options);
  assertWhole('prefetch', options.prefetch);
  if (options.autoOffsetReset === 'none') {
    throw optionError('autoOffsetReset', 'must be "latest" or "earliest" in a queue');
  }
}

function assertMembership(options: MembershipOptions<unknown, unknown>): void {
  assertText('group', options.group);
  assertDeserializers(options);
  assertOneOf('autoOffsetReset', options.autoOffsetReset, ['latest', 'earliest', 'none']);
  assertWhole('sessionTimeoutMs', options.sessionTimeoutMs);
  if (options.instanceId !== undefined) assertText('instanceId', options.instanceId);
  const { topics } = options as { readonly topics: unknown };
  if (!Array.isArray(topics) || topics.length === 0 || !topics.every(isTopicChoice)) {
    throw optionError('topics', 'must be a list of at least one name or { pattern }');
  }
}

function isTopicChoice(choice: unknown): boolean {
  if (typeof choice === 'string') return choice !== '';
  const { pattern } = (choice ?? {}) as { readonly pattern?: unknown };
  return typeof pattern === 'string';
}

/** The members of a join that both modes have. */
export function joinOf<K, V>(options: MembershipOptions<K, V>): Readonly<Record<string, unknown>> {
  const { topics, autoOffsetReset = 'latest', instanceId, sessionTimeoutMs } = options;
  return { topics, autoOffsetReset, instanceId, sessionTimeoutMs };
}

/** @throws SluiceError INVALID_CONFIG that names the wrong option of `Consumer.run` */
export function assertRunOptions(options: RunOptions): void {
  assertKnown(options, ['concurrency', 'ordering', 'signal'], 'run');
  assertWhole('concurrency', options.concurrency);
  assertOneOf('ordering', options.ordering, ['partition', 'key']);
  assertSignal(options.signal);
}
