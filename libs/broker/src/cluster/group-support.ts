import { brokerWithout, type ClusterState } from '#coordination';
import { ProtocolError } from '#protocol';

/** Delay that callers are asked to wait while brokers are upgraded, in ms. */
const RETRY_AFTER_MS = 5000;

/**
 * Refuses calls of groups while a running broker is of a version without members of groups. As a
 * coordinator it would ignore their records, and let other clients commit for them.
 * @throws ProtocolError COORDINATOR_NOT_AVAILABLE
 */
export function assertAllSupportGroups(state: Pick<ClusterState, 'brokers'>): void {
  const broker = brokerWithout(state, 'groups');
  if (broker === undefined) return;
  throw new ProtocolError(
    'COORDINATOR_NOT_AVAILABLE',
    `Broker ${broker} runs an earlier version, which does not know members of groups. ` +
      'Groups are available when all running brokers have been upgraded.',
    { retryAfterMs: RETRY_AFTER_MS },
  );
}
