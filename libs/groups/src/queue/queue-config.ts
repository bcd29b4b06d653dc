import { DEAD_LETTER_COPY_CONFIG, deadLetterTopicOf } from './dead-letter-topic.js';
import type { ShareConfig } from './share-context.js';

/** Bounds of one config. */
interface NumberBounds {
  readonly defaultValue: number;
  readonly min: number;
  readonly max: number;
}

const HOUR_MS = 3_600_000;

/** Configs of queue groups that are whole numbers, by Kafka's names where it has them. */
export const QUEUE_NUMBER_CONFIGS = {
  'share.record.lock.duration.ms': { defaultValue: 30_000, min: 100, max: HOUR_MS },
  'share.delivery.count.limit': { defaultValue: 5, min: 1, max: 100 },
  'share.partition.max.record.locks': { defaultValue: 2000, min: 1, max: 10_000 },
  'sluice.share.retry.backoff.ms': { defaultValue: 0, min: 0, max: HOUR_MS },
  'sluice.share.retry.backoff.max.ms': { defaultValue: 60_000, min: 0, max: 12 * HOUR_MS },
} as const satisfies Record<string, NumberBounds>;

/** Config by which records of one key are with one member at a time, in order. */
export const KEY_ORDERED_CONFIG = 'sluice.share.key.ordered';
/** Configs of queue groups that are true or false. */
export const QUEUE_FLAG_CONFIGS = {
  [DEAD_LETTER_COPY_CONFIG]: true,
  [KEY_ORDERED_CONFIG]: false,
  'sluice.share.paused': false,
} as const;

type NumberConfig = keyof typeof QUEUE_NUMBER_CONFIGS;
type FlagConfig = keyof typeof QUEUE_FLAG_CONFIGS;

/** The part of a group that its configs come from. */
interface ConfiguredGroup {
  readonly name: string;
  readonly configs: ReadonlyMap<string, string>;
}

/** Position at which a queue begins, whatever its members ask for. */
export const AUTO_OFFSET_RESET_CONFIG = 'share.auto.offset.reset';

/** The configs that the decisions of a group depend on. */
export function shareConfigOf({ name: group, configs: own }: ConfiguredGroup): ShareConfig {
  const number = (name: NumberConfig): number =>
    Number(own.get(name) ?? QUEUE_NUMBER_CONFIGS[name].defaultValue);
  return {
    lockMs: number('share.record.lock.duration.ms'),
    deliveryCountLimit: number('share.delivery.count.limit'),
    recordLocksMax: number('share.partition.max.record.locks'),
    hasDeadLetters: deadLetterTopicOf(group, own) !== undefined,
    retryBackoffMs: number('sluice.share.retry.backoff.ms'),
    retryBackoffMaxMs: number('sluice.share.retry.backoff.max.ms'),
    isKeyOrdered: flagOf(own, KEY_ORDERED_CONFIG),
  };
}

/** True while the group delivers nothing. */
export function isPaused(own: ReadonlyMap<string, string>): boolean {
  return flagOf(own, 'sluice.share.paused');
}

function flagOf(own: ReadonlyMap<string, string>, name: FlagConfig): boolean {
  return (own.get(name) ?? String(QUEUE_FLAG_CONFIGS[name])) === 'true';
}
