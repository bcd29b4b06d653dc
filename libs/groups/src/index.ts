export type { GroupOffset } from './coordinator/committed-offsets.js';
export type { CommittedPosition } from './coordinator/committed-positions.js';
export type {
  DeadLetter,
  DeadLetterBatch,
  DeadLetterTopics,
} from './coordinator/dead-letter-writer.js';
export type { SettleHeartbeat } from './coordinator/decide-heartbeats.js';
export type { GroupCalls, HeartbeatCall, MemberCommit } from './coordinator/group-calls.js';
export type { GroupConfigEntry } from './coordinator/group-configs.js';
export { GroupCoordinators, type GroupCounts } from './coordinator/group-coordinators.js';
export type {
  GroupListing,
  GroupSnapshot,
  MemberSnapshot,
  PartitionSnapshot,
} from './coordinator/group-description.js';
export type {
  QueueAcks,
  QueueDelivery,
  QueueDeliveryAnswer,
  QueuePoll,
  QueuePollAnswer,
} from './coordinator/group-queues.js';
export type { Outcome } from './coordinator/group-rounds.js';
export {
  type GivenGroupSettings,
  type GroupSettings,
  groupSettings,
} from './coordinator/group-settings.js';
export { GroupWatches, type OnGroupChange } from './coordinator/group-watches.js';
export type { JoinRequest, TopicChoice } from './coordinator/join-request.js';
export type { MayKeepMember } from './coordinator/lost-members.js';
export type { AssignedPosition, MemberView, PollView } from './coordinator/member-view.js';
export type { FoundPosition } from './coordinator/position-resolution.js';
export type { QueueCounts } from './coordinator/queue-counts.js';
export type { QueueLists } from './coordinator/queue-listings.js';
export type { InFlightRecord, InFlightState } from './coordinator/queue-operations.js';
export type {
  DeadLetterPage,
  DeadLetterRead,
  FoundDeadLetter,
  RedriveAnswer,
  RedriveTopics,
} from './coordinator/redriver.js';
export type { TopicDirectory, TopicView } from './coordinator/topic-directory.js';
export {
  DelayedIndex,
  type DueAnswer,
  type DueQuestion,
  type IndexedLog,
} from './delayed/delayed-index.js';
export { assertGroupName } from './group-name.js';
export { partitionForGroup } from './group-partition.js';
export { assertCommits, type CommitChecks, type OffsetCommit } from './offsets/offset-commits.js';
export type { AckResult, RecordAck } from './queue/acknowledge-records.js';
export type { CancelResult } from './queue/cancel-record.js';
export { DEAD_LETTER_TOPIC_CONFIG } from './queue/dead-letter-topic.js';
export type { DeadLetterTarget } from './queue/dead-letters.js';
export { boundsOf } from './queue/offset-ranges.js';
export { queuedRecords, REDRIVE_GROUP_HEADER, recordOffer } from './queue/record-scan.js';
export type { RedrivePlan } from './queue/redrive-state.js';
export type { CancelledRecord } from './queue/share-change.js';
export type { PendingPosition } from './state/assign.js';
export type { Acknowledgement } from './state/decide-offsets.js';
export type {
  PartitionAck,
  PartitionAcquisition,
  PartitionOffer,
} from './state/decide-queue.js';
export type { TopicIdPartition } from './state/member-assignment.js';
export { TopicPattern } from './state/topic-pattern.js';
