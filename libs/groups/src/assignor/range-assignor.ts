import {
  type Assignment,
  AssignmentBuilder,
  type AssignorInput,
  membersInOrder,
  topicsInOrder,
} from './assignor.js';

/**
 * Gives each subscribed member a consecutive range of every topic, as Kafka's RangeAssignor does:
 * partitions with equal numbers of equally large topics are one member's.
 */
export function rangeAssignment({ members, topics }: AssignorInput): Assignment {
  const built = new AssignmentBuilder(members);
  const inOrder = membersInOrder(members);
  for (const { name: topic, partitionCount } of topicsInOrder(topics)) {
    const subscribed = inOrder.filter((member) => member.topics.has(topic));
    if (subscribed.length === 0) continue;
    const each = Math.floor(partitionCount / subscribed.length);
    const larger = partitionCount % subscribed.length;
    let partition = 0;
    for (const [at, { memberId }] of subscribed.entries()) {
      const end = partition + each + (at < larger ? 1 : 0);
      for (; partition < end; partition += 1) built.add(memberId, { topic, partition });
    }
  }
  return built.assignment;
}
