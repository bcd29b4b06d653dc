/** Decisions about the dead letters of queue groups. */
import type { GroupRecord } from '../log/group-records.js';
import { abandonDeadLetters, deadLettersWritten, planDeadLetters } from '../queue/dead-letters.js';
import type { DeadLetterPlan } from '../queue/share-change.js';
import type { DeadLetterProducer } from '../queue/share-partition.js';
import { recordsOf, type SharePlace } from './decide-queue.js';
import type { Group } from './group.js';

/** Plans the next dead letters of a share partition as one batch of a producer. */
export function decideDeadLetterPlan(
  group: Group,
  { topic, topicId, partition }: SharePlace,
  producer: DeadLetterProducer,
  recordsMax: number,
): GroupRecord[] {
  const share = group.queue.get(topic, topicId, partition);
  if (share === undefined) return [];
  return recordsOf(group, share, planDeadLetters(share.state, producer, recordsMax));
}

/** Finishes the records of a plan that was written. */
export function decideDeadLettersWritten(
  group: Group,
  { topic, topicId, partition }: SharePlace,
  plan: DeadLetterPlan,
): GroupRecord[] {
  const share = group.queue.get(topic, topicId, partition);
  if (share === undefined) return [];
  return recordsOf(group, share, deadLettersWritten(share.state, plan));
}

/** Finishes the records that wait for copies, when the group has no dead-letter topic any more. */
export function decideAbandonedDeadLetters(
  group: Group,
  { topic, topicId, partition }: SharePlace,
): GroupRecord[] {
  const share = group.queue.get(topic, topicId, partition);
  if (share === undefined) return [];
  return recordsOf(group, share, abandonDeadLetters(share.state));
}
