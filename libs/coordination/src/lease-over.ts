import { ProtocolError } from '#protocol';

/** The error of a process that may not renew its lease any more. */
export function leaseOver(brokerId: number): ProtocolError {
  return new ProtocolError(
    'BROKER_NOT_AVAILABLE',
    `A later process has broker id ${brokerId}: the lease of this process has ended.`,
    { retriable: false },
  );
}
