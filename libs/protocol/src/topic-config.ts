/**
 * Topic configs under Kafka's dotted names: the single table of key, type, default, bounds and
 * sentence. Values travel as strings (Kafka's way); `TopicConfig` is the parsed, effective form.
 */

/** Every config of a topic, parsed, with defaults filled in. */
export interface TopicConfig {
  readonly 'cleanup.policy': CleanupPolicy;
  readonly 'retention.ms': number;
  readonly 'retention.bytes': number;
  readonly 'segment.bytes': number;
  readonly 'segment.ms': number;
  readonly 'min.insync.replicas': number;
  readonly 'max.message.bytes': number;
  readonly 'message.timestamp.type': 'CreateTime' | 'LogAppendTime';
  /** Milliseconds; Infinity means no limit. */
  readonly 'message.timestamp.before.max.ms': number;
  /** Milliseconds; Infinity means no limit. */
  readonly 'message.timestamp.after.max.ms': number;
  readonly 'min.compaction.lag.ms': number;
  readonly 'min.cleanable.dirty.ratio': number;
  readonly 'delete.retention.ms': number;
  readonly 'unclean.leader.election.enable': boolean;
  readonly 'sluice.delete.on.ack': boolean;
  readonly 'errors.deadletterqueue.group.enable': boolean;
}

export type CleanupPolicy = 'delete' | 'compact' | 'compact,delete';
export type TopicConfigKey = keyof TopicConfig;

/** Configs that a client set, checked and in canonical text; this is stored with a topic. */
export type TopicConfigOverrides = Readonly<Partial<Record<TopicConfigKey, string>>>;

interface ConfigDefinition {
  /** The accepted values, in words. */
  readonly accepts: string;
  /** Canonical text, or undefined when the value is not accepted. */
  readonly canonical: (value: string) => string | undefined;
  /** Canonical text of the default. `min.insync.replicas` depends on the replication factor. */
  readonly defaultText: (replicationFactor: number) => string;
  readonly sentence: string;
}

const INT64_MAX = Number.MAX_SAFE_INTEGER;
const INT32_MAX = 2 ** 31 - 1;
/** Kafka's value for "no limit": an int64 beyond the safe integers of JavaScript. */
const KAFKA_LONG_MAX = '9223372036854775807';

export const TOPIC_CONFIGS: Readonly<Record<TopicConfigKey, ConfigDefinition>> = {
  'cleanup.policy': {
    accepts: '"delete", "compact" or "compact,delete"',
    canonical: canonicalCleanupPolicy,
    defaultText: () => 'delete',
    sentence: 'Whether old records are deleted, compacted by key, or both.',
  },
  'retention.ms': integer(-1, INT64_MAX, 604_800_000, 'How long records are kept; -1: for ever.'),
  'retention.bytes': integer(-1, INT64_MAX, -1, 'How many bytes of a partition are kept; -1: all.'),
  'segment.bytes': integer(1024, INT32_MAX, 1_073_741_824, 'Size at which a segment is rolled.'),
  'segment.ms': integer(1, INT64_MAX, 604_800_000, 'Age at which a segment is rolled.'),
  'min.insync.replicas': {
    ...integer(1, INT32_MAX, 1, 'Replicas that must have a record before acks=all is answered.'),
    defaultText: (replicationFactor) => String(Math.min(2, replicationFactor)),
  },
  'max.message.bytes': integer(0, INT32_MAX, 1_048_588, 'Largest record batch accepted, in bytes.'),
  'message.timestamp.type': {
    accepts: '"CreateTime" or "LogAppendTime"',
    canonical: (value) => (value === 'CreateTime' || value === 'LogAppendTime' ? value : undefined),
    defaultText: () => 'CreateTime',
    sentence: "Whether a record's timestamp is its producer's or the broker's.",
  },
  'message.timestamp.before.max.ms': difference(
    KAFKA_LONG_MAX,
    "How far a record's timestamp may lie in the past; not with LogAppendTime.",
  ),
  'message.timestamp.after.max.ms': difference(
    '3600000',
    "How far a record's timestamp may lie in the future; not with LogAppendTime.",
  ),
  'min.compaction.lag.ms': integer(0, INT64_MAX, 0, 'How long a record stays uncompacted.'),
  'min.cleanable.dirty.ratio': {
    accepts: 'a number from 0 to 1',
    canonical: canonicalRatio,
    defaultText: () => '0.5',
    sentence: 'Share of a log that must be uncompacted before it is compacted.',
  },
  'delete.retention.ms': integer(0, INT64_MAX, 86_400_000, 'How long tombstones are kept.'),
  'unclean.leader.election.enable': boolean(
    false,
    'Whether a replica out of sync may lead when none in sync is left: loses records.',
  ),
  'sluice.delete.on.ack': boolean(false, 'Whether acknowledged records of a queue are deleted.'),
  'errors.deadletterqueue.group.enable': boolean(
    false,
    'Whether queue groups may write their dead letters to the topic.',
  ),
};

export const TOPIC_CONFIG_KEYS = Object.keys(TOPIC_CONFIGS) as readonly TopicConfigKey[];

/** Type guard for a config's name. */
export function isTopicConfigKey(key: string): key is TopicConfigKey {
  return Object.hasOwn(TOPIC_CONFIGS, key);
}

/**
 * Checks one config value as a client sent it (number, boolean or Kafka's string).
 * @returns the canonical text, or the accepted values
 */
export function checkTopicConfig(
  key: TopicConfigKey,
  value: unknown,
): { readonly ok: true; readonly text: string } | { readonly ok: false; readonly accepts: string } {
  const definition = TOPIC_CONFIGS[key];
  const isText =
    typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
  const text = isText ? definition.canonical(String(value).trim()) : undefined;
  return text === undefined ? { ok: false, accepts: definition.accepts } : { ok: true, text };
}

/** All effective configs as canonical text: overrides where set, otherwise defaults. */
export function effectiveConfigTexts(
  overrides: TopicConfigOverrides,
  replicationFactor: number,
): Record<TopicConfigKey, string> {
  const entries = TOPIC_CONFIG_KEYS.map((key) => [
    key,
    overrides[key] ?? TOPIC_CONFIGS[key].defaultText(replicationFactor),
  ]);
  return Object.fromEntries(entries) as Record<TopicConfigKey, string>;
}

/** The parsed form of `effectiveConfigTexts`. */
export function parseTopicConfig(
  overrides: TopicConfigOverrides,
  replicationFactor: number,
): TopicConfig {
  const texts = effectiveConfigTexts(overrides, replicationFactor);
  return {
    'cleanup.policy': texts['cleanup.policy'] as CleanupPolicy,
    'retention.ms': Number(texts['retention.ms']),
    'retention.bytes': Number(texts['retention.bytes']),
    'segment.bytes': Number(texts['segment.bytes']),
    'segment.ms': Number(texts['segment.ms']),
    'min.insync.replicas': Number(texts['min.insync.replicas']),
    'max.message.bytes': Number(texts['max.message.bytes']),
    'message.timestamp.type': texts['message.timestamp.type'] as 'CreateTime' | 'LogAppendTime',
    'message.timestamp.before.max.ms': differenceMs(texts['message.timestamp.before.max.ms']),
    'message.timestamp.after.max.ms': differenceMs(texts['message.timestamp.after.max.ms']),
    'min.compaction.lag.ms': Number(texts['min.compaction.lag.ms']),
    'min.cleanable.dirty.ratio': Number(texts['min.cleanable.dirty.ratio']),
    'delete.retention.ms': Number(texts['delete.retention.ms']),
    'unclean.leader.election.enable': texts['unclean.leader.election.enable'] === 'true',
    'sluice.delete.on.ack': texts['sluice.delete.on.ack'] === 'true',
    'errors.deadletterqueue.group.enable': texts['errors.deadletterqueue.group.enable'] === 'true',
  };
}

function integer(min: number, max: number, byDefault: number, sentence: string): ConfigDefinition {
  return {
    accepts: `a whole number from ${min} to ${max}`,
    canonical: (value) => {
      if (!/^-?\d+$/.test(value)) return undefined;
      const number = Number(value);
      return number >= min && number <= max ? String(number) : undefined;
    },
    defaultText: () => String(byDefault),
    sentence,
  };
}

/** A difference of two times in ms: any int64 of Kafka's that is not negative. */
function difference(defaultText: string, sentence: string): ConfigDefinition {
  return {
    accepts: `a whole number from 0 to ${INT64_MAX}, or ${KAFKA_LONG_MAX} for no limit`,
    canonical: (value) => {
      if (value === KAFKA_LONG_MAX) return value;
      if (!/^\d+$/.test(value)) return undefined;
      const number = Number(value);
      return number <= INT64_MAX ? String(number) : undefined;
    },
    defaultText: () => defaultText,
    sentence,
  };
}

function differenceMs(text: string): number {
  return text === KAFKA_LONG_MAX ? Number.POSITIVE_INFINITY : Number(text);
}

function boolean(byDefault: boolean, sentence: string): ConfigDefinition {
  return {
    accepts: 'true or false',
    canonical: (value) => (value === 'true' || value === 'false' ? value : undefined),
    defaultText: () => String(byDefault),
    sentence,
  };
}

function canonicalRatio(value: string): string | undefined {
  if (!/^\d+(\.\d+)?$/.test(value)) return undefined;
  const number = Number(value);
  return number >= 0 && number <= 1 ? String(number) : undefined;
}

function canonicalCleanupPolicy(value: string): string | undefined {
  const parts = [...new Set(value.split(',').map((part) => part.trim()))].toSorted();
  const text = parts.join(',');
  return text === 'delete' || text === 'compact' || text === 'compact,delete' ? text : undefined;
}
