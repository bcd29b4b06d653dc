import type { RateQuota } from '#security';
import type { Exchange } from '../exchange.js';
import { waitForTurn } from './wait-for-turn.js';

/**
 * Takes from a quota of the caller, and calls the task when it is the request's turn: mostly at
 * once, and always at once while authentication is off. It is not called if the client is gone by
 * then, or its caller may no longer do this. An error of a task that is called later is answered.
 * @throws ProtocolError THROTTLING_QUOTA_EXCEEDED, and the error of a task that is called at once
 */
export function inQuota(
  exchange: Exchange,
  quota: RateQuota,
  cost: number,
  task: () => void,
): void {
  const { security } = exchange.context;
  const waitMs = security?.quotas.take(exchange.access.caller.principal, quota, cost) ?? 0;
  if (waitMs <= 0) {
    task();
    return;
  }
  waitForTurn(exchange.context, waitMs, exchange.admittedUse, (loss) => {
    if (exchange.isGone) return;
    try {
      if (loss !== undefined) throw loss;
      task();
    } catch (error) {
      exchange.fail(error);
    }
  });
}

/**
 * Charges bytes that were read or written already.
 * @returns the time for which a stream pauses, ms
 */
export function chargeQuota(exchange: Exchange, quota: RateQuota, cost: number): number {
  const { security } = exchange.context;
  return security?.quotas.charge(exchange.access.caller.principal, quota, cost) ?? 0;
}
