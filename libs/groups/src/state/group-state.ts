import type { ErrorCode } from '#protocol';

/**
 * The states of a group, with the names of Kafka's consumer protocol.
 *
 * - Empty: it has no members. Its offsets may be set by anybody, and expire.
 * - Assigning: its members changed, and no assignment was computed since.
 * - Reconciling: an assignment is computed; partitions still move to their new owners.
 * - Stable: every member owns exactly the partitions of its target.
 * - Dead: nothing of it is in the log.
 */
export type GroupState = 'Empty' | 'Assigning' | 'Reconciling' | 'Stable' | 'Dead';

/** Changes of a group, each of them the effect of a record. */
export type GroupEvent =
  /** A member joined, left or changed its subscription, and the group has members. */
  | 'membersChanged'
  | 'lastMemberLeft'
  /** A generation began, with owners that differ from the target, or not. */
  | 'assignedPartly'
  | 'assignedFully'
  /** A member gave partitions up within a generation, and owners differ from the target, or not. */
  | 'releasedPartly'
  | 'releasedFully'
  /** There is a record of a group of which there was none. */
  | 'created'
  | 'removed';

const NEXT_STATE: Readonly<Record<GroupState, Readonly<Record<GroupEvent, GroupState>>>> = {
  Empty: {
    membersChanged: 'Assigning',
    lastMemberLeft: 'Empty',
    assignedPartly: 'Empty',
    assignedFully: 'Empty',
    releasedPartly: 'Empty',
    releasedFully: 'Empty',
    created: 'Empty',
    removed: 'Dead',
  },
  Assigning: {
    membersChanged: 'Assigning',
    lastMemberLeft: 'Empty',
    assignedPartly: 'Reconciling',
    assignedFully: 'Stable',
    releasedPartly: 'Assigning',
    releasedFully: 'Assigning',
    created: 'Assigning',
    removed: 'Dead',
  },
  Reconciling: {
    membersChanged: 'Assigning',
    lastMemberLeft: 'Empty',
    assignedPartly: 'Reconciling',
    assignedFully: 'Stable',
    releasedPartly: 'Reconciling',
    releasedFully: 'Stable',
    created: 'Reconciling',
    removed: 'Dead',
  },
  Stable: {
    membersChanged: 'Assigning',
    lastMemberLeft: 'Empty',
    assignedPartly: 'Reconciling',
    assignedFully: 'Stable',
    releasedPartly: 'Reconciling',
    releasedFully: 'Stable',
    created: 'Stable',
    removed: 'Dead',
  },
  Dead: {
    membersChanged: 'Assigning',
    lastMemberLeft: 'Empty',
    assignedPartly: 'Empty',
    assignedFully: 'Empty',
    releasedPartly: 'Empty',
    releasedFully: 'Empty',
    created: 'Empty',
    removed: 'Dead',
  },
};

export function nextState(state: GroupState, event: GroupEvent): GroupState {
  return NEXT_STATE[state][event];
}

/** Requests whose admission depends on the state alone. */
export type GroupRequest =
  | 'join'
  | 'memberCall'
  /** A commit or a reset by a client that is not a member. */
  | 'offsetsFromOutside'
  | 'delete'
  | 'expire';

const ADMISSION: Readonly<
  Record<GroupState, Readonly<Record<GroupRequest, 'admitted' | ErrorCode>>>
> = {
  Empty: {
    join: 'admitted',
    memberCall: 'UNKNOWN_MEMBER_ID',
    offsetsFromOutside: 'admitted',
    delete: 'admitted',
    expire: 'admitted',
  },
  Assigning: {
    join: 'admitted',
    memberCall: 'admitted',
    offsetsFromOutside: 'NON_EMPTY_GROUP',
    delete: 'NON_EMPTY_GROUP',
    expire: 'NON_EMPTY_GROUP',
  },
  Reconciling: {
    join: 'admitted',
    memberCall: 'admitted',
    offsetsFromOutside: 'NON_EMPTY_GROUP',
    delete: 'NON_EMPTY_GROUP',
    expire: 'NON_EMPTY_GROUP',
  },
  Stable: {
    join: 'admitted',
    memberCall: 'admitted',
    offsetsFromOutside: 'NON_EMPTY_GROUP',
    delete: 'NON_EMPTY_GROUP',
    expire: 'NON_EMPTY_GROUP',
  },
  Dead: {
    join: 'admitted',
    memberCall: 'UNKNOWN_MEMBER_ID',
    offsetsFromOutside: 'admitted',
    delete: 'GROUP_ID_NOT_FOUND',
    expire: 'GROUP_ID_NOT_FOUND',
  },
};

export function admissionOf(state: GroupState, request: GroupRequest): 'admitted' | ErrorCode {
  return ADMISSION[state][request];
}
