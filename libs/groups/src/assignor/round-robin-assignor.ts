import {
  type Assignment,
  AssignmentBuilder,
  type AssignorInput,
  membersInOrder,
  topicsInOrder,
} from './assignor.js';

/**
 * Deals all partitions of all topics to the members in turn, as Kafka's RoundRobinAssignor does; a
 * member that is not subscribed to a topic is passed over.
 */
export function roundRobinAssignment({ members, topics }: AssignorInput): Assignment {
  const built = new AssignmentBuilder(members);
  const inOrder = membersInOrder(members);
  let turn = 0;
  for (const { name: topic, partitionCount } of topicsInOrder(topics)) {
    if (!inOrder.some((member) => member.topics.has(topic))) continue;
    for (let partition = 0; partition < partitionCount; ) {
      const member = inOrder[turn % inOrder.length];
      turn += 1;
      if (member?.topics.has(topic) !== true) continue;
      built.add(member.memberId, { topic, partition });
      partition += 1;
    }
  }
  return built.assignment;
}
