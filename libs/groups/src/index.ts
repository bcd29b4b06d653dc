export type {
  DeadLetter,
  DeadLetterBatch,
  DeadLetterTopics,
} from './coordinator/dead-letter-writer.js';
export type { GroupCalls, HeartbeatCall, MemberCommit } from './coordinator/group-calls.js';
export type { GroupConfigEntry } from './coordinator/group-configs.js';
export {
  GroupCoordinators,
  type GroupCounts,
  type GroupOffset,
} from './coordinator/group-coordinators.js';
export type {
  GroupListing,
  GroupSnapshot,
  MemberSnapshot,
  PartitionSnapshot,
} from './coordinator/group-description.js';
export type { QueueAcks, QueuePoll, QueuePollAnswer } from './coordinator/group-queues.js';
export { GROUP_DEFAULTS, type GroupSettings } from './coordinator/group-settings.js';
export type { JoinRequest, TopicChoice } from './coordinator/join-request.js';
export type { AssignedPosition, MemberView } from './coordinator/member-view.js';
export type { FoundPosition } from './coordinator/position-resolution.js';
export type { TopicDirectory, TopicView } from './coordinator/topic-directory.js';
export { assertGroupName } from './group-name.js';
export { partitionForGroup } from './group-partition.js';
export { assertCommits, type OffsetCommit } from './offsets/offset-commits.js';
export type { AckResult, RecordAck } from './queue/acknowledge-records.js';
export type { DeadLetterTarget } from './queue/dead-letters.js';
export { DelayedIndex, type IndexedLog } from './queue/delayed-index.js';
export { recordOffer } from './queue/record-scan.js';
export type { PendingPosition } from './state/assign.js';
export type { Acknowledgement } from './state/decide-offsets.js';
export type {
  PartitionAck,
  PartitionAcquisition,
  PartitionOffer,
} from './state/decide-queue.js';
