/** The calls to the coordinator of a group, as any broker of the cluster makes them. */
import type { OffsetCommit } from '../offsets/offset-commits.js';
import type { AckResult } from '../queue/acknowledge-records.js';
import type { Acknowledgement } from '../state/decide-offsets.js';
import type { GroupConfigEntry } from './group-configs.js';
import type { GroupSnapshot } from './group-description.js';
import type { QueueAcks, QueuePoll, QueuePollAnswer } from './group-queues.js';
import type { JoinRequest } from './join-request.js';
import type { MemberView } from './member-view.js';

/** A call that names a group. Requests and answers are JSON values. */
export interface GroupCall {
  readonly group: string;
}

export interface MemberCall extends GroupCall {
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
  poll(call: MemberPoll): Promise<MemberView>;
  waitingView(call: WaitingViewCall): Promise<MemberView | null>;
  /** Gives records of a queue to a member. */
  queuePoll(call: QueuePoll): Promise<QueuePollAnswer>;
  /** Takes acks of a queue's member; one result per ack. */
  acknowledge(call: QueueAcks): Promise<readonly AckResult[]>;
  commitAsMember(call: MemberCommit): Promise<void>;
  leave(call: MemberCall): Promise<void>;
  describe(call: GroupCall): Promise<GroupSnapshot>;
  delete(call: GroupCall): Promise<void>;
  configs(call: GroupCall): Promise<GroupConfigEntry[]>;
  alterConfigs(call: AlterConfigsCall): Promise<GroupConfigEntry[]>;
}
