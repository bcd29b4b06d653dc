/**
 * The part of the `Broker` port for members whose connections this broker has: a transport sends
 * their heartbeats for as long as their connections are open.
 */
import type { JoinRequest, MemberCommit, MemberView } from '#groups';

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
export type MemberJoin = JoinRequest & { readonly memberId: string };

export interface GroupMembers {
  /** See `Groups.join`. Repeating a join changes nothing. */
  join(group: string, join: MemberJoin): Promise<MemberView>;
  /**
   * Sends many heartbeats with few calls.
   * @returns the answer to each, in order; they reject as `Groups.heartbeat`
   */
  heartbeats(heartbeats: readonly MemberHeartbeat[]): readonly Promise<MemberView>[];
  /** See `Groups.commitAsMember`. */
  commitAsMember(commit: MemberCommit): Promise<void>;
  /** See `Groups.leave`. */
  leave(group: string, memberId: string): Promise<void>;
  /**
   * Calls back when the assignment of a group may have changed, or its coordinator moved.
   * @returns a function that ends the watch
   */
  watch(group: string, onChange: () => void): () => void;
}
