/**
 * The part of the `Broker` port for members whose connections this broker has: a transport sends
 * their heartbeats for as long as their connections are open.
 */

import type { JoinRequest, MemberCommit, MemberView, SettleHeartbeat } from '#groups';
import type { Caller } from '#security';
import type { QueueDelivering, QueueReceiver } from './queue-receiver.js';

export type {
  MemberCommit,
  MemberView,
  OffsetCommit as MemberOffset,
} from '#groups';

/** A heartbeat of a member. */
export interface MemberHeartbeat {
  readonly group: string;
  readonly memberId: string;
  /** Generation of a view whose revoked partitions the member releases; null releases nothing. */
  readonly generation: number | null;
}

/** A join with the id that the transport gave the member. */
export type MemberJoin = JoinRequest & {
  readonly memberId: string;
  /** The client, to whose principal the member belongs; not used while authentication is off. */
  readonly caller?: Caller;
};

export interface GroupMembers {
  /**
   * Number of the part of the groups that a group belongs to. Groups of one part have one
   * coordinator, so that heartbeats of their members take the least work when they are sent
   * together. It may change before the first join of the group.
   */
  partOf(group: string): number;
  /** See `Groups.join`. Repeating a join changes nothing. */
  join(group: string, join: MemberJoin): Promise<MemberView>;
  /**
   * Sends many heartbeats with few calls.
   * @param settle called once for each, later, with its answer, or with what `Groups.heartbeat`
   *   throws
   */
  heartbeats(heartbeats: readonly MemberHeartbeat[], settle: SettleHeartbeat): void;
  /** See `Groups.commitAsMember`. */
  commitAsMember(commit: MemberCommit): Promise<void>;
  /**
   * See `Groups.leave`.
   * @param isBroken true when the member's connection broke: deliveries of a queue to it count
   */
  leave(group: string, memberId: string, isBroken?: boolean): Promise<void>;
  /** Begins to deliver records of a queue to a member that has joined. */
  receiveQueue(group: string, receiver: QueueReceiver): QueueDelivering;
  /**
   * Calls back when the assignment of a group may have changed, or its coordinator moved.
   * @returns a function that ends the watch
   */
  watch(group: string, onChange: () => void): () => void;
}
