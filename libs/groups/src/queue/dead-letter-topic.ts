import { createHash } from 'node:crypto';
import { topicNameFault } from '#protocol';

/** Config that names the dead-letter topic of a group; empty for none. */
export const DEAD_LETTER_TOPIC_CONFIG = 'errors.deadletterqueue.topic.name';
/** Config that says whether dead letters have the record's key, value and headers. */
export const DEAD_LETTER_COPY_CONFIG = 'errors.deadletterqueue.copy.record.enable';

const PREFIX = 'dlq.';
/** Characters of a group's name that a topic name of its own keeps. */
const KEPT_LENGTH_MAX = 200;
const HASH_LENGTH = 16;

/**
 * The dead-letter topic of a group that names none: `dlq.` and the group's name where that is a
 * topic name; else its legal characters and a hash, so that two groups never share one.
 */
function defaultDeadLetterTopic(group: string): string {
  const name = PREFIX + group;
  if (topicNameFault(name) === undefined) return name;
  const kept = group.replaceAll(/[^a-zA-Z0-9._-]/gu, '_').slice(0, KEPT_LENGTH_MAX);
  const hash = createHash('sha256').update(group).digest('hex').slice(0, HASH_LENGTH);
  return `${PREFIX}${kept}-${hash}`;
}

/** The dead-letter topic of a group; undefined when it has none. */
export function deadLetterTopicOf(
  group: string,
  configs: ReadonlyMap<string, string>,
): string | undefined {
  const name = configs.get(DEAD_LETTER_TOPIC_CONFIG) ?? defaultDeadLetterTopic(group);
  return name === '' ? undefined : name;
}

/** True when dead letters are copies of their records. */
export function isRecordCopied(configs: ReadonlyMap<string, string>): boolean {
  return configs.get(DEAD_LETTER_COPY_CONFIG) !== 'false';
}
