import { FaultList, isInternalTopic, ProtocolError, topicNameFault } from '#protocol';
import { DEAD_LETTER_TOPIC_CONFIG, deadLetterTopicOf } from '../queue/dead-letter-topic.js';
import {
  AUTO_OFFSET_RESET_CONFIG,
  QUEUE_FLAG_CONFIGS,
  QUEUE_NUMBER_CONFIGS,
} from '../queue/queue-config.js';

/** A config of groups, with Kafka's name. */
interface GroupConfig {
  readonly defaultText: string;
  /** The accepted values, as the end of a sentence. */
  readonly accepted: string;
  readonly isAccepted: (text: string) => boolean;
}

type GroupConfigSource = 'group' | 'default';

/** An effective config of a group. */
export interface GroupConfigEntry {
  readonly name: string;
  readonly value: string;
  readonly source: GroupConfigSource;
}

/** Defaults that are settings of the broker. */
export interface GroupConfigDefaults {
  readonly sessionTimeoutMs: number;
  readonly sessionTimeoutMinMs: number;
  readonly sessionTimeoutMaxMs: number;
}

/** The configs that a group can have, by name. */
export function groupConfigTable(defaults: GroupConfigDefaults): ReadonlyMap<string, GroupConfig> {
  const { sessionTimeoutMs, sessionTimeoutMinMs: min, sessionTimeoutMaxMs: max } = defaults;
  return new Map([
    ['consumer.session.timeout.ms', whole(sessionTimeoutMs, min, max)],
    ...Object.entries(QUEUE_NUMBER_CONFIGS).map(([name, bounds]): [string, GroupConfig] => [
      name,
      whole(bounds.defaultValue, bounds.min, bounds.max),
    ]),
    ...Object.entries(QUEUE_FLAG_CONFIGS).map(([name, value]): [string, GroupConfig] => [
      name,
      { defaultText: String(value), accepted: 'true or false', isAccepted: isFlag },
    ]),
    [AUTO_OFFSET_RESET_CONFIG, AUTO_OFFSET_RESET],
    [DEAD_LETTER_TOPIC_CONFIG, DEAD_LETTER_TOPIC],
  ]);
}

/** @param own configs that the group has of its own */
export function effectiveGroupConfigs(
  group: string,
  own: ReadonlyMap<string, string>,
  table: ReadonlyMap<string, GroupConfig>,
): GroupConfigEntry[] {
  return Array.from(table, ([name, { defaultText }]) => {
    const value = own.get(name);
    if (value !== undefined) return { name, value, source: 'group' };
    const isTopic = name === DEAD_LETTER_TOPIC_CONFIG;
    const text = isTopic ? (deadLetterTopicOf(group, own) ?? '') : defaultText;
    return { name, value: text, source: 'default' };
  });
}

/**
 * Changes of configs as texts; null resets one.
 * @throws ProtocolError INVALID_CONFIG with all faults
 */
export function checkedGroupConfigs(
  changes: readonly { readonly name: string; readonly value: unknown }[],
  table: ReadonlyMap<string, GroupConfig>,
): Map<string, string | null> {
  const faults = new FaultList();
  const checked = new Map<string, string | null>();
  for (const { name, value } of changes) {
    const config = table.get(name);
    const pointer = `/configs/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    if (config === undefined) {
      const known = [...table.keys()].join(', ');
      faults.add(pointer, `a group has no config "${name}"; it has ${known}`);
      continue;
    }
    if (value === null) {
      checked.set(name, null);
      continue;
    }
    const text = textOf(value);
    if (text !== undefined && config.isAccepted(text)) checked.set(name, text);
    else faults.add(pointer, `${name} is ${config.accepted}`);
  }
  if (faults.count === 0) return checked;
  throw new ProtocolError('INVALID_CONFIG', `${faults.sentence}.`, faults.asOptions);
}

const AUTO_OFFSET_RESET: GroupConfig = {
  defaultText: 'latest',
  accepted: '"latest" or "earliest"',
  isAccepted: (text) => text === 'latest' || text === 'earliest',
};

const DEAD_LETTER_TOPIC: GroupConfig = {
  defaultText: 'dlq.<group>',
  accepted: 'the name of a topic that is not internal, or empty for no dead letters',
  isAccepted: (text) =>
    text === '' || (topicNameFault(text) === undefined && !isInternalTopic(text)),
};

function isFlag(text: string): boolean {
  return text === 'true' || text === 'false';
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
}

function whole(defaultValue: number, min: number, max: number): GroupConfig {
  return {
    defaultText: String(defaultValue),
    accepted: `a whole number from ${min} to ${max}`,
    isAccepted: (text) => /^\d{1,15}$/.test(text) && Number(text) >= min && Number(text) <= max,
  };
}
