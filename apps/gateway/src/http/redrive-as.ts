import type { Broker, RedriveRequest, RedriveResult } from '#broker';
import { type Access, topicNamed } from '#security';

/**
 * Puts dead letters back on behalf of a caller, who needs Write on each topic that records return
 * to. Without a topic these are the topics of the group: a dead letter that names any other topic
 * stays, because whoever may write to the dead-letter topic could have made it up.
 * @throws ProtocolError TOPIC_AUTHORIZATION_FAILED before anything is written
 */
export async function redriveAs(
  access: Access,
  broker: Broker,
  group: string,
  request: RedriveRequest,
): Promise<RedriveResult> {
  const { queues } = broker.groups;
  if (access.caller.isSuperUser) return queues.redrive(group, request);
  const topics = request.topic === undefined ? await topicsOf(broker, group) : [request.topic];
  for (const topic of topics) access.assertMay('Write', topicNamed(topic));
  let redriven = 0;
  let skipped = 0;
  for (const topic of topics) {
    const left = request.limit === undefined ? undefined : request.limit - redriven;
    if (left === 0) break;
    const result = await queues.redrive(group, {
      topic,
      ...(left === undefined ? {} : { limit: left }),
    });
    redriven += result.redriven;
    skipped += result.skipped;
  }
  return { redriven, skipped };
}

async function topicsOf(broker: Broker, group: string): Promise<readonly string[]> {
  const { partitions } = await broker.groups.describe(group);
  return [...new Set(partitions.map(({ topic }) => topic))];
}
