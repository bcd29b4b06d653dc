import { SystemClock, SystemRandom } from '#runtime';
import {
  AuditLog,
  Authenticator,
  type BoundOfAll,
  type BrokerSecurity,
  type EdgeSecurity,
  FailedLogins,
  KeySet,
  LoginGuard,
  PrincipalShares,
  ProducerTokens,
  QuotaLimiter,
  TokenVerifier,
  TrustedProxies,
} from '#security';
import { SETTINGS, type Settings } from '../config/settings.js';
import { openAuditWriter } from '../logging/audit-writer.js';
import { fetchJson } from './fetch-json.js';
import type { BrokerOpening } from './open-broker.js';
import { producerTokenKey } from './producer-token-key.js';

/**
 * Opens what the edge of the gateway uses while authentication is on.
 * @throws Error if the audit file or the key of producer tokens cannot be opened
 */
export async function openEdgeSecurity(
  opening: BrokerOpening,
  { metadata, tickets }: BrokerSecurity,
): Promise<EdgeSecurity> {
  const { settings } = opening;
  const clock = new SystemClock();
  const writer = openAuditWriter(settings.auditFile, opening.logger);
  const proxies = settings.trustedProxies ?? new TrustedProxies([]);
  const failedLogins = new FailedLogins(
    {
      addressesMax: settings.failedLoginAddressesMax,
      delayMsMax: settings.failedLoginDelayMs,
    },
    clock,
  );
  const shares = sharesIn(settings);
  const quotaLimits = { waitMsMax: settings.quotaWaitMsMax, bucketsMax: settings.quotaBucketsMax };
  return {
    authenticator: new Authenticator(settings, metadata, clock, tokenVerifier(opening)),
    logins: new LoginGuard(proxies, failedLogins),
    tickets,
    producerTokens: new ProducerTokens(await producerTokenSecrets(settings)),
    quotas: new QuotaLimiter(metadata.view, shares, quotaLimits, clock),
    shares,
    audit: new AuditLog(writer),
  };
}

/** The secrets of producer tokens: those of the cluster, or one of this data directory. */
async function producerTokenSecrets(settings: Settings): Promise<readonly string[]> {
  const { clusterSecret, clusterSecretPrevious, dataDir } = settings;
  if (clusterSecret === undefined) return [await producerTokenKey(dataDir, new SystemRandom())];
  // Producers go on while the brokers are restarted with another secret.
  return clusterSecretPrevious === undefined
    ? [clusterSecret]
    : [clusterSecret, clusterSecretPrevious];
}

function sharesIn(settings: Settings): PrincipalShares {
  const { principalSharePercent: percent, requestBytesMax } = settings;
  const bound = (key: BoundKey, shareMin?: number): BoundOfAll => {
    const { variable } = SETTINGS[key];
    return { max: settings[key], variable, ...(shareMin === undefined ? {} : { shareMin }) };
  };
  return new PrincipalShares(
    {
      connections: bound('connectionsMax'),
      // A principal can always send the largest body.
      requestMemory: bound('requestMemoryBytes', requestBytesMax),
      longPolls: bound('longPollsMax'),
      cursors: bound('cursorsMax'),
      subscriptionMemory: bound('subscriptionMemoryBytes'),
    },
    percent,
  );
}

type BoundKey =
  | 'connectionsMax'
  | 'requestMemoryBytes'
  | 'longPollsMax'
  | 'cursorsMax'
  | 'subscriptionMemoryBytes';

/** Returns undefined if no tokens are accepted. */
function tokenVerifier({ settings, logger }: BrokerOpening): TokenVerifier | undefined {
  const { jwtIssuer: issuer, jwtAudience: audiences = [], jwtJwksUrl: jwksUrl } = settings;
  if (issuer === undefined) return undefined;
  const clock = new SystemClock();
  const { jwtKeysMaxAgeMs: maxAgeMs, jwtKeysCooldownMs: cooldownMs } = settings;
  const keys = new KeySet({ issuer, jwksUrl, maxAgeMs, cooldownMs }, { fetchJson, clock, logger });
  const { jwtPrincipalClaim: principalClaim, jwtGroupsClaim: groupsClaim } = settings;
  const { jwtRememberedMax: rememberedMax } = settings;
  return new TokenVerifier(
    { issuer, audiences, rememberedMax, principalClaim, groupsClaim },
    keys,
    clock,
  );
}
