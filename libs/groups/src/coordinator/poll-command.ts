import type { Acknowledgement } from '../state/decide-offsets.js';
import type { MemberCaller } from '../state/member-owner.js';

/** A poll as the coordinator sees it. */
export interface PollCommand {
  readonly memberId: string;
  /** Distinguishes the polls of a member: a newer one ends an older one. */
  readonly pollId: string;
  readonly acknowledged: Acknowledgement | null;
  readonly caller?: MemberCaller;
}
