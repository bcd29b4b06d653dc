import { SystemClock, SystemRandom, SystemScheduler } from '#runtime';
import { type BrokerSecurity, type EdgeSecurity, OpenUses, type SecurityMetadata } from '#security';
import { SecurityAdministration } from '../shared/security-administration.js';
import type { BrokerOpening } from './open-broker.js';
import { openEdgeSecurity } from './open-edge-security.js';

/** The parts that identify callers and decide; most are undefined while authentication is off. */
export interface SecurityParts {
  /** Keys, rules and quotas. */
  readonly metadata: SecurityMetadata | undefined;
  readonly edge: EdgeSecurity | undefined;
  readonly openUses: OpenUses | undefined;
  readonly administration: SecurityAdministration;
}

/**
 * @param security undefined while authentication is off
 * @throws Error if the audit file or the key of producer tokens cannot be opened
 */
export async function securityParts(
  opening: BrokerOpening,
  security: BrokerSecurity | undefined,
): Promise<SecurityParts> {
  if (security === undefined) {
    const administration = SecurityAdministration.off();
    return { metadata: undefined, edge: undefined, openUses: undefined, administration };
  }
  const { metadata } = security;
  const ports = { clock: new SystemClock(), random: new SystemRandom() };
  return {
    metadata,
    edge: await openEdgeSecurity(opening, security),
    openUses: new OpenUses(metadata, new SystemScheduler()),
    administration: SecurityAdministration.of(metadata, ports, {
      expiredKeptMs: opening.settings.expiredKeysRetentionMinutes * 60_000,
    }),
  };
}
