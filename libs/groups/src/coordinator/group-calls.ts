/** The calls to the coordinator of a group, as any broker of the cluster makes them. */
import type { OffsetCommit } from '../offsets/offset-commits.js';
import type { AckResult } from '../queue/acknowledge-records.js';
import type { CancelResult } from '../queue/cancel-record.js';
import type { Acknowledgement } from '../state/decide-offsets.js';
import type { MemberCaller } from '../state/member-owner.js';
import type { GroupConfigEntry } from './group-configs.js';
import type { GroupSnapshot } from './group-description.js';
import type {
  QueueAcks,
  QueueDelivery,
  QueueDeliveryAnswer,
  QueuePoll,
  QueuePollAnswer,
} from './group-queues.js';
import type { JoinRequest } from './join-request.js';
import type { MemberView, PollView } from './member-view.js';
import type {
  InFlightRecord,
  QueueCancelCall,
  QueueFloors,
  QueueFloorsCall,
  QueuePurgeCall,
  QueueRecordsCall,
  QueueResetCall,
} from './queue-operations.js';
import type { RedriveAnswer, RedriveCall, RedriveProgress } from './redriver.js';

/** A call that names a group. Requests and answers are JSON values. */
export interface GroupCall {
  readonly group: string;
  readonly caller?: MemberCaller;
}

interface MemberCall extends GroupCall {
  readonly memberId: string;
}

/** The process that has the connection of a member; absent for members without connections. */
interface MemberConnection {
  /** Broker epoch of the process. When it ends, the member leaves, unless it is static. */
  readonly brokerEpoch?: number;
}

export interface JoinCall extends GroupCall, MemberConnection {
  readonly request: JoinRequest;
}

export interface HeartbeatCall extends MemberCall, MemberConnection {
  /** Generation of an answer that the member received; null releases nothing. */
  readonly generation: number | null;
}

export interface LeaveCall extends MemberCall {
  /** True when the member's connection broke: deliveries to it count as failed. */
  readonly isBroken?: boolean;
}

/** A member's poll, as its broker passes it on. */
export interface MemberPoll extends MemberCall {
  /** Distinguishes the polls of a member: a newer one ends an older one. */
  readonly pollId: string;
  readonly acknowledged: Acknowledgement | null;
}

export interface WaitingViewCall extends MemberCall {
  readonly pollId: string;
}

/** A commit by a member. */
export interface MemberCommit extends MemberCall {
  readonly generation: number;
  readonly offsets: readonly OffsetCommit[];
}

export interface AlterConfigsCall extends GroupCall {
  /** Null resets a config. */
  readonly changes: readonly { readonly name: string; readonly value: unknown }[];
}

export interface GroupCalls {
  join(call: JoinCall): Promise<MemberView>;
  heartbeat(call: HeartbeatCall): Promise<MemberView>;
  poll(call: MemberPoll): Promise<PollView>;
  waitingView(call: WaitingViewCall): Promise<MemberView | null>;
  /** Gives records of a queue to a member. */
  queuePoll(call: QueuePoll): Promise<QueuePollAnswer>;
  /** Gives records of a queue to all members that a broker delivers to. */
  queueDelivery(call: QueueDelivery): Promise<QueueDeliveryAnswer>;
  /** Takes acks of a queue's member; one result per ack. */
  acknowledge(call: QueueAcks): Promise<readonly AckResult[]>;
  /** Records of a queue that are in flight. */
  queueRecords(call: QueueRecordsCall): Promise<readonly InFlightRecord[]>;
  purgeQueue(call: QueuePurgeCall): Promise<void>;
  resetQueue(call: QueueResetCall): Promise<void>;
  /** Offsets below which a queue group is done with the records of a topic. */
  queueFloors(call: QueueFloorsCall): Promise<QueueFloors>;
  /** Puts back dead letters of one range of a partition. */
  redrive(call: RedriveCall): Promise<RedriveAnswer>;
  /** Partitions of dead-letter topics that a redrive has scanned: which dead letters wait. */
  redriveProgress(call: GroupCall): Promise<readonly RedriveProgress[]>;
  /** Cancels a record; null when the group has no position in its partition. */
  cancelRecord(call: QueueCancelCall): Promise<CancelResult | null>;
  commitAsMember(call: MemberCommit): Promise<void>;
  leave(call: LeaveCall): Promise<void>;
  describe(call: GroupCall): Promise<GroupSnapshot>;
  delete(call: GroupCall): Promise<void>;
  configs(call: GroupCall): Promise<GroupConfigEntry[]>;
  alterConfigs(call: AlterConfigsCall): Promise<GroupConfigEntry[]>;
}
