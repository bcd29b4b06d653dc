export type {
  DeadLetter,
  DeadLetterBatch,
  DeadLetterTopics,
} from './coordinator/dead-letter-writer.js';
export type { GroupCalls, MemberCommit } from './coordinator/group-calls.js';
export type { GroupConfigEntry } from './coordinator/group-configs.js';
export {
  GROUP_DEFAULTS,
  GroupCoordinators,
  type GroupCounts,
  type GroupOffset,
  type GroupSettings,
} from './coordinator/group-coordinators.js';
export type {
  GroupListing,
  GroupSnapshot,
  MemberSnapshot,
  PartitionSnapshot,
} from './coordinator/group-description.js';
export type { JoinRequest, TopicChoice } from './coordinator/join-request.js';
export type { AssignedPosition, MemberView } from './coordinator/member-view.js';
export type { FoundPosition } from './coordinator/position-resolution.js';
export type { TopicDirectory, TopicView } from './coordinator/topic-directory.js';
export { assertGroupName } from './group-name.js';
export { partitionForGroup } from './group-partition.js';
export { assertCommits, type OffsetCommit } from './offsets/offset-commits.js';
export type { DeadLetterTarget } from './queue/dead-letters.js';
export type { PendingPosition } from './state/assign.js';
export type { Acknowledgement } from './state/decide-offsets.js';
