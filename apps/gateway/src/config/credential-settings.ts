import { isSafeUrl, TrustedProxies } from '#security';
import { optional, optionalText, type Parsed, TIMER_MS_MAX, text, wholeNumber } from '#settings';
import type { Contradiction } from './cluster-settings.js';

const PATH_LENGTH_MAX = 4096;

/** Settings of tokens, failed logins, tickets, quotas and the audit log. */
export const CREDENTIAL_SETTINGS = {
  jwtIssuer: optionalText({
    variable: 'SLUICE_JWT_ISSUER',
    defaultNote: 'no tokens',
    accepts: 'the URL of an OpenID Connect issuer: https, or http on this machine',
    isAccepted: isSafeUrl,
    sentence:
      'Issuer of the bearer tokens (JWT) that are accepted, exactly as in their claim `iss`.',
  }),
  jwtAudience: optional({
    variable: 'SLUICE_JWT_AUDIENCE',
    defaultNote: 'none; required with `SLUICE_JWT_ISSUER`',
    accepts: 'one or more names without spaces, separated by commas',
    parse: parseAudiences,
    sentence: 'Audiences of this cluster: a token must have one of them in its claim `aud`.',
  }),
  jwtJwksUrl: optionalText({
    variable: 'SLUICE_JWT_JWKS_URL',
    defaultNote: 'discovered from the issuer',
    accepts: 'the URL of a key set: https, or http on this machine',
    isAccepted: isSafeUrl,
    sentence: 'Key set (JWKS) of the issuer, if it does not name it in its discovery document.',
  }),
  jwtPrincipalClaim: text({
    variable: 'SLUICE_JWT_PRINCIPAL_CLAIM',
    byDefault: 'sub',
    accepts: 'the name of a claim, or the path to a nested one with dots',
    isAccepted: isClaimName,
    sentence: 'Claim that becomes the principal `user:<claim>`.',
  }),
  jwtGroupsClaim: optionalText({
    variable: 'SLUICE_JWT_GROUPS_CLAIM',
    defaultNote: 'no groups',
    accepts: 'the name of a claim, or the path to a nested one with dots',
    isAccepted: isClaimName,
    sentence:
      'Claim with the groups of the principal, a list of at most 64 names; each becomes `group:<name>`.',
  }),
  jwtKeysMaxAgeMs: wholeNumber({
    variable: 'SLUICE_JWT_KEYS_MAX_AGE_MS',
    byDefault: 600_000,
    min: 1000,
    max: 600_000,
    sentence:
      'Age at which a key set of the issuer is no longer used: a key that the issuer withdrew is accepted for no longer. It is loaded again at half of this age.',
  }),
  jwtKeysCooldownMs: wholeNumber({
    variable: 'SLUICE_JWT_KEYS_COOLDOWN_MS',
    byDefault: 30_000,
    min: 100,
    max: TIMER_MS_MAX,
    sentence:
      'Least time between two loads of the key set because of tokens whose key it does not have.',
  }),
  jwtRememberedMax: wholeNumber({
    variable: 'SLUICE_JWT_REMEMBERED_MAX',
    byDefault: 10_000,
    min: 2,
    max: 10_000_000,
    sentence:
      'Verified tokens that are remembered, so that their signature is not verified again. Above it those that are used least are verified every time.',
  }),
  trustedProxies: optional({
    variable: 'SLUICE_TRUSTED_PROXIES',
    defaultNote: 'none',
    accepts: 'addresses, or ranges such as 10.0.0.0/8, separated by commas',
    parse: parseProxies,
    sentence:
      'Proxies whose `X-Forwarded-For` names the client, for the audit log and the delay of failed logins. The header of anyone else is ignored.',
  }),
  failedLoginAddressesMax: wholeNumber({
    variable: 'SLUICE_FAILED_LOGIN_ADDRESSES_MAX',
    byDefault: 100_000,
    min: 2,
    max: 10_000_000,
    sentence:
      'Addresses whose failed logins are counted, so that answers to further ones are delayed by up to a second. Above it those without one for longest are forgotten.',
  }),
  failedLoginDelayMs: wholeNumber({
    variable: 'SLUICE_FAILED_LOGIN_DELAY_MS',
    byDefault: 1000,
    min: 0,
    max: 10_000,
    sentence:
      'Longest time for which the answer to a failed login is held back, after several from one address. Others of the same address are not delayed.',
  }),
  ticketsMax: wholeNumber({
    variable: 'SLUICE_TICKETS_MAX',
    byDefault: 10_000,
    min: 1,
    max: 10_000_000,
    sentence:
      'Tickets that were issued by `POST /v1/tickets` and are not used yet; one principal may have a tenth of them. Above it: 429 `THROTTLING_QUOTA_EXCEEDED`.',
  }),
  ticketLifetimeMs: wholeNumber({
    variable: 'SLUICE_TICKET_LIFETIME_MS',
    byDefault: 30_000,
    min: 100,
    max: 600_000,
    sentence: 'Time within which a ticket must be used.',
  }),
  principalSharePercent: wholeNumber({
    variable: 'SLUICE_PRINCIPAL_SHARE_PERCENT',
    byDefault: 50,
    min: 1,
    max: 100,
    sentence:
      'Share of one principal in the bounds of all clients: connections, memory for unfinished data, long polls and followed NDJSON streams, subscriptions and their partitions. Above it: 429 `THROTTLING_QUOTA_EXCEEDED`; a WebSocket whose messages exceed it is closed with 1013.',
  }),
  unidentifiedConnectionsPercent: wholeNumber({
    variable: 'SLUICE_UNIDENTIFIED_CONNECTIONS_PERCENT',
    byDefault: 50,
    min: 1,
    max: 100,
    sentence:
      'Share of connections whose caller is not known: before the first request, and without a credential. Above it those without a request are closed, and a request without a credential is answered 429 `THROTTLING_QUOTA_EXCEEDED`.',
  }),
  quotaWaitMsMax: wholeNumber({
    variable: 'SLUICE_QUOTA_WAIT_MS',
    byDefault: 1000,
    min: 0,
    max: 60_000,
    sentence:
      'Longest time that an HTTP request waits for the quota of its principal; one that would wait longer is answered 429 `THROTTLING_QUOTA_EXCEEDED`.',
  }),
  quotaBucketsMax: wholeNumber({
    variable: 'SLUICE_QUOTA_BUCKETS_MAX',
    byDefault: 1_000_000,
    min: 2,
    max: 10_000_000,
    sentence:
      'Quotas whose use a broker counts at a time, over all principals. Above it others are forgotten, and their principals begin a new second.',
  }),
  auditFile: optionalText({
    variable: 'SLUICE_AUDIT_FILE',
    defaultNote: 'standard error, with the other log lines',
    accepts: 'the path of a file',
    isAccepted: (path) => path.length <= PATH_LENGTH_MAX && !path.includes('\0'),
    sentence:
      'File that the audit log is appended to, one JSON line for each refusal and administrative change.',
  }),
};

interface TokenSettings {
  readonly jwtIssuer: string | undefined;
  readonly jwtAudience: readonly string[] | undefined;
}

/** Returns the setting of tokens that is missing or has no effect. */
export function credentialContradictions(
  { jwtIssuer, jwtAudience }: TokenSettings,
  environment: Readonly<Record<string, string | undefined>>,
): Contradiction[] {
  if (jwtIssuer !== undefined && jwtAudience === undefined) {
    const { variable } = CREDENTIAL_SETTINGS.jwtAudience;
    const accepts =
      'the audience of this cluster: without it a token for any other service of the issuer is accepted';
    return [{ variable, given: undefined, accepts }];
  }
  if (jwtIssuer !== undefined) return [];
  return Object.values(CREDENTIAL_SETTINGS)
    .map(({ variable }) => ({ variable, given: environment[variable] }))
    .filter(({ variable, given }) => variable.startsWith('SLUICE_JWT_') && isSet(given))
    .map(({ variable, given }) => ({
      variable,
      given,
      accepts: `nothing without ${CREDENTIAL_SETTINGS.jwtIssuer.variable}`,
    }));
}

function parseAudiences(value: string): Parsed<readonly string[]> {
  const audiences = value.split(',').map((each) => each.trim());
  const isAccepted = audiences.every((each) => /^[\x21-\x7e]{1,256}$/.test(each));
  return isAccepted ? { ok: true, value: audiences } : { ok: false };
}

function parseProxies(value: string): Parsed<TrustedProxies> {
  try {
    return { ok: true, value: new TrustedProxies(value.split(',').map((each) => each.trim())) };
  } catch {
    // The reader of the settings says what is accepted.
    return { ok: false };
  }
}

function isClaimName(value: string): boolean {
  return /^[\x21-\x7e]{1,256}$/.test(value);
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value.trim() !== '';
}
