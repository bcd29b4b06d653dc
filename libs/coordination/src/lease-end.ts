import { ProtocolError } from '#protocol';
import type { ClusterState } from './cluster-state.js';
import type { BrokerLease } from './lease/lease-renewer.js';

/**
 * True when the metadata forbids a process to renew its lease: it was declared dead, or a later
 * process has its broker id. `renew_lease.lua` decides the same in Redis.
 */
export function hasLeaseEnded(
  state: ClusterState,
  { brokerId, brokerEpoch }: BrokerLease,
): boolean {
  const registered = state.brokers.get(brokerId);
  if (registered === undefined) return false;
  if (registered.brokerEpoch === brokerEpoch) return !registered.alive;
  return registered.brokerEpoch > brokerEpoch;
}

/** The error of a process that may not renew its lease any more. */
export function leaseEndedError(brokerId: number): ProtocolError {
  return new ProtocolError(
    'BROKER_NOT_AVAILABLE',
    `The lease of this process of broker ${brokerId} is over: it was declared dead, or a later process has its id.`,
    { retriable: false },
  );
}
