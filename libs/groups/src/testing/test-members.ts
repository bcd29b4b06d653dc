import type { JoinRequest } from '../coordinator/join-request.js';
import type { MemberView } from '../coordinator/member-view.js';
import type { TestCoordinators } from './test-coordinators.js';

/** Adds a member to the group `g`, subscribed to `events` unless the request names other topics. */
export function join(
  test: TestCoordinators,
  memberId: string,
  request: Partial<JoinRequest> = {},
): Promise<MemberView> {
  const joined = { memberId, topics: ['events'], ...request };
  return test.coordinators.join({ group: 'g', request: joined });
}

export function heartbeat(
  test: TestCoordinators,
  memberId: string,
  generation: number | null = null,
): Promise<MemberView> {
  return test.coordinators.heartbeat({ group: 'g', memberId, generation });
}
