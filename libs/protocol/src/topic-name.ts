import { ProtocolError } from './protocol-error.js';

const TOPIC_NAME_LENGTH_MAX = 249;

/** The topic that stores committed group offsets. */
export const CONSUMER_OFFSETS_TOPIC = '__consumer_offsets';

/**
 * True for topics of the cluster itself, by their prefix: clients neither create them nor produce
 * to them.
 */
export function isInternalTopic(name: string): boolean {
  return name.startsWith('__');
}

/** The fault of a topic name, or undefined; the rule is Kafka's. */
export function topicNameFault(name: string): string | undefined {
  if (name.length === 0) return 'a topic name has at least 1 character';
  if (name.length > TOPIC_NAME_LENGTH_MAX) {
    return `a topic name has at most ${TOPIC_NAME_LENGTH_MAX} characters, this one has ${name.length}`;
  }
  if (name === '.' || name === '..') return `a topic cannot be named "${name}"`;
  if (!/^[a-zA-Z0-9._-]+$/.test(name)) {
    return 'a topic name has only the characters a-z, A-Z, 0-9, ".", "_" and "-"';
  }
  return undefined;
}

/**
 * @param pointer the location of the name in the request, if it is in the body
 * @throws ProtocolError INVALID_TOPIC_EXCEPTION
 */
export function assertTopicName(name: string, pointer?: string): void {
  const detail = topicNameFault(name);
  if (detail === undefined) return;
  const faults = pointer === undefined ? [] : [{ pointer, detail }];
  throw new ProtocolError('INVALID_TOPIC_EXCEPTION', `${detail}.`, { faults });
}
