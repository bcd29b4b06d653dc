import type { Broker } from '#broker';
import { assertTopicName, ProtocolError } from '#protocol';

/**
 * Refuses by its name alone what has no topic, before anything is read for it.
 * @throws ProtocolError UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION
 */
export function assertTopicIsServed(broker: Broker, topic: string): void {
  if (broker.topicLimits(topic) !== undefined) return;
  assertTopicName(topic);
  throw new ProtocolError(
    'UNKNOWN_TOPIC_OR_PARTITION',
    `There is no topic ${JSON.stringify(topic)}; POST /v1/topics makes one.`,
  );
}
