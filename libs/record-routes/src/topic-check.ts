import type { Broker } from '#broker';
import { assertTopicName, ProtocolError } from '#protocol';

/** Refuses a topic that does not exist by its name, before anything is read for it. */
export function assertTopicIsServed(broker: Broker, topic: string): void {
  if (broker.topicLimits(topic) !== undefined) return;
  assertTopicName(topic);
  throw new ProtocolError(
    'UNKNOWN_TOPIC_OR_PARTITION',
    `There is no topic ${JSON.stringify(topic)}; POST /v1/topics creates one.`,
  );
}
