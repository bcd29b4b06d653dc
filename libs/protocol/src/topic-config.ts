/**
 * Topic configs under Kafka's dotted names: the single table of key, type, default, bounds and
 * sentence. Values travel as strings (Kafka's way); `TopicConfig` is the parsed, effective form.
 */

/** Every config of a topic, parsed, with defaults filled in. */
export interface TopicConfig {
  readonly 'cleanup.policy': CleanupPolicy;
  /** Milliseconds; -1 and Infinity mean for ever. */
  readonly 'retention.ms': number;
  /** Bytes; -1 and Infinity mean all. */
  readonly 'retention.bytes': number;
  readonly 'segment.bytes': number;
  /** Milliseconds; Infinity means no limit. */
  readonly 'segment.ms': number;
  readonly 'min.insync.replicas': number;
  readonly 'max.message.bytes': number;
  readonly 'message.timestamp.type': 'CreateTime' | 'LogAppendTime';
  /** Milliseconds; Infinity means no limit. */
  readonly 'message.timestamp.before.max.ms': number;
  /** Milliseconds; Infinity means no limit. */
  readonly 'message.timestamp.after.max.ms': number;
  /** Milliseconds; Infinity means for ever. */
  readonly 'min.compaction.lag.ms': number;
  readonly 'min.cleanable.dirty.ratio': number;
  /** Milliseconds; Infinity means for ever. */
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

const INT32_MAX = 2 ** 31 - 1;
/** Kafka's value for "no limit": an int64 beyond the safe integers of JavaScript. */
const KAFKA_LONG_MAX = '9223372036854775807';
/** The same as `JSON.parse` reads it when it comes as a number. */
const KAFKA_LONG_MAX_READ = 2 ** 63;

export const TOPIC_CONFIGS: Readonly<Record<TopicConfigKey, ConfigDefinition>> = {
  'cleanup.policy': {
    accepts: '"delete", "compact" or "compact,delete"',
    canonical: canonicalCleanupPolicy,
    defaultText: () => 'delete',
    sentence: 'Whether old records are deleted, compacted by key, or both.',
  },
  'retention.ms': long(-1, '604800000', 'How long records are kept; -1: for ever.'),
  'retention.bytes': long(-1, '-1', 'How many bytes of a partition are kept; -1: all.'),
  'segment.bytes': integer(1024, INT32_MAX, 1_073_741_824, 'Size at which a segment is rolled.'),
  'segment.ms': long(1, '604800000', 'Age at which a segment is rolled.'),
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
  'message.timestamp.before.max.ms': long(
    0,
    KAFKA_LONG_MAX,
    "How far a record's timestamp may lie in the past; not with LogAppendTime.",
  ),
  'message.timestamp.after.max.ms': long(
    0,
    '3600000',
    "How far a record's timestamp may lie in the future; not with LogAppendTime.",
  ),
  'min.compaction.lag.ms': long(0, '0', 'How long a record stays uncompacted.'),
  'min.cleanable.dirty.ratio': {
    accepts: 'a number from 0 to 1',
    canonical: canonicalRatio,
    defaultText: () => '0.5',
    sentence: 'Share of a log that must be uncompacted before it is compacted.',
  },
  'delete.retention.ms': long(0, '86400000', 'How long tombstones are kept.'),
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
  const written = value === KAFKA_LONG_MAX_READ ? KAFKA_LONG_MAX : String(value).trim();
  const text = isText ? definition.canonical(written) : undefined;
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
    'retention.ms': longOf(texts['retention.ms']),
    'retention.bytes': longOf(texts['retention.bytes']),
    'segment.bytes': Number(texts['segment.bytes']),
    'segment.ms': longOf(texts['segment.ms']),
    'min.insync.replicas': Number(texts['min.insync.replicas']),
    'max.message.bytes': Number(texts['max.message.bytes']),
    'message.timestamp.type': texts['message.timestamp.type'] as 'CreateTime' | 'LogAppendTime',
    'message.timestamp.before.max.ms': longOf(texts['message.timestamp.before.max.ms']),
    'message.timestamp.after.max.ms': longOf(texts['message.timestamp.after.max.ms']),
    'min.compaction.lag.ms': longOf(texts['min.compaction.lag.ms']),
    'min.cleanable.dirty.ratio': Number(texts['min.cleanable.dirty.ratio']),
    'delete.retention.ms': longOf(texts['delete.retention.ms']),
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

/** An int64 of Kafka's: a safe integer, or its largest value, which means no limit. */
function long(min: number, defaultText: string, sentence: string): ConfigDefinition {
  const { accepts, canonical } = integer(min, Number.MAX_SAFE_INTEGER, 0, sentence);
  return {
    accepts: `${accepts}, or ${KAFKA_LONG_MAX} for no limit`,
    canonical: (value) => (value === KAFKA_LONG_MAX ? value : canonical(value)),
    defaultText: () => defaultText,
    sentence,
  };
}

function longOf(text: string): number {
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
