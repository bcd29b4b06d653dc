import type { JoinCommand } from '../state/decide-membership.js';
import type { CommitEntry } from '../state/decide-offsets.js';
import type { TopicCatalog } from '../state/decision.js';
import type { Group } from '../state/group.js';

/** Positions that a join will commit, for the check of memory. */
export function joinOffsets(group: Group, join: JoinCommand, topics: TopicCatalog): CommitEntry[] {
  const names = new Set([
    ...join.topics,
    ...join.patterns.flatMap((one) => [...topics.matching(one)]),
  ]);
  const added: CommitEntry[] = [];
  for (const topic of names) {
    const shape = topics.topic(topic);
    for (let partition = 0; partition < (shape?.partitionCount ?? 0); partition += 1) {
      const topicId = shape?.id ?? '';
      if (group.offsets.has(topic, topicId, partition)) continue;
      added.push({ topic, topicId, partition, offset: 0, leaderEpoch: null, metadata: null });
    }
  }
  return added;
}
