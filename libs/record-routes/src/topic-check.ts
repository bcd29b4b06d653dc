import type { Broker } from '#broker';
import { assertTopicName, ProtocolError } from '#protocol';
import { type Access, type Resource, topicNamed } from '#security';

/** The cluster as a resource of rules. */
const CLUSTER: Resource = { type: 'cluster', name: 'cluster' };

/** A topic that a caller is about to produce to. */
export interface TopicToProduceTo {
  readonly topic: string;
  /** True if producing to a missing topic creates it. */
  readonly autoCreateTopics: boolean;
  readonly access: Access;
}

/**
 * Refuses a missing topic that this request may not create, before anything is read for it.
 * @throws ProtocolError UNKNOWN_TOPIC_OR_PARTITION; TOPIC_AUTHORIZATION_FAILED without Create
 */
export function assertMayProduceTo(
  broker: Broker,
  { topic, autoCreateTopics, access }: TopicToProduceTo,
): void {
  if (!autoCreateTopics) {
    assertTopicIsServed(broker, topic);
    return;
  }
  if (broker.topicId(topic) !== undefined || access.may('Create', CLUSTER)) return;
  access.assertMay('Create', topicNamed(topic));
}

/** Refuses a topic that does not exist by its name, before anything is read for it. */
export function assertTopicIsServed(broker: Broker, topic: string): void {
  if (broker.topicLimits(topic) !== undefined) return;
  assertTopicName(topic);
  throw new ProtocolError(
    'UNKNOWN_TOPIC_OR_PARTITION',
    `There is no topic ${JSON.stringify(topic)}; POST /v1/topics creates one.`,
  );
}
