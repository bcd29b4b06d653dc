import type { BrokerLease, LeaseReply } from '../lease/lease-renewer.js';
import type { RedisConnection } from './redis-connection.js';
import type { RedisKeys } from './redis-keys.js';
import { parseVersion } from './registry-codec.js';

interface LeaseRenewal {
  readonly lease: BrokerLease;
  /** A value that differs from that of the previous renewal. */
  readonly renewal: string;
  readonly timeoutMs: number;
}

/** @throws RegistryAwayError, RegistryRefusedError */
export async function renewLease(
  connection: RedisConnection,
  keys: RedisKeys,
  { lease: { brokerId, brokerEpoch }, renewal, timeoutMs }: LeaseRenewal,
): Promise<LeaseReply> {
  const [isRenewed, newest] = await connection.script<[number, string | null]>(
    'sluiceRenewLease',
    [keys.lease(brokerId), keys.version, keys.confirmation, keys.broker(brokerId)],
    [String(brokerEpoch), renewal],
    timeoutMs,
  );
  return {
    isRenewed: isRenewed === 1,
    newest: newest === null ? undefined : parseVersion(newest),
  };
}
