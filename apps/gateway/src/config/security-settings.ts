import { isLoopback } from '#runtime';
import { type PresentedKey, parseApiKey } from '#security';
import {
  choice,
  flag,
  INT32_MAX,
  optional,
  type Parsed,
  TIMER_MS_MAX,
  wholeNumber,
} from '#settings';
import type { Contradiction } from './cluster-settings.js';
import { CREDENTIAL_SETTINGS } from './credential-settings.js';
import { serving } from './operator-settings.js';
import { TLS_SETTINGS } from './tls-settings.js';

/** Settings of authentication and permissions. */
export const SECURITY_SETTINGS = {
  auth: optional({
    variable: 'SLUICE_AUTH',
    defaultNote:
      '`off` on loopback; required for every other `SLUICE_HOST`, and with any other setting of security or TLS',
    accepts: '"off", "on"',
    parse: (text): Parsed<'off' | 'on'> =>
      text === 'off' || text === 'on' ? { ok: true, value: text } : { ok: false },
    sentence:
      '`on`: every request needs a credential, and permissions by ACLs. `off`: whoever reaches the listener may do everything.',
  }),
  superUsers: optional({
    variable: 'SLUICE_SUPER_USERS',
    defaultNote: 'none',
    accepts: 'principals such as key:ops, user:alice or cert:CN=ops, separated by commas',
    parse: parsePrincipals,
    sentence: 'Principals that may do everything, whatever the ACLs are.',
  }),
  bootstrapKeys: optional({
    variable: 'SLUICE_BOOTSTRAP_API_KEY',
    defaultNote: 'none',
    accepts:
      '<id>.<secret>, the id 1 to 64 and the secret 32 to 128 of the characters A-Z, a-z, 0-9, "_" and "-"; two of them, separated by a comma, while one is rotated',
    isSecret: true,
    parse: parseKeys,
    sentence: 'API key of a super user that exists from the start, to create others with.',
  }),
  authRolling: flag({
    variable: 'SLUICE_AUTH_ROLLING',
    byDefault: false,
    sentence:
      'Lets this broker join a cluster whose brokers have another SLUICE_AUTH or other SLUICE_SUPER_USERS, while these are changed one broker at a time. Without it such a start ends with 78.',
  }),
  anonymous: choice({
    variable: 'SLUICE_ANONYMOUS',
    byDefault: 'off',
    choices: ['off', 'on'],
    sentence:
      '`on`: a caller without a credential is the principal `user:anonymous`, with the ACLs of that principal.',
  }),
  allowedHosts: optional({
    variable: 'SLUICE_ALLOWED_HOSTS',
    defaultNote: 'the address of the listener and the name in `SLUICE_PUBLIC_URL`',
    accepts:
      'names such as broker.example.com or *.example.com without a port, separated by commas, or "*" for all',
    parse: parseHosts,
    sentence:
      'Further names in the `Host` of requests; a request with any other name is refused with 403, because anybody can make a name point here (DNS rebinding). Addresses and `localhost` are always accepted, and names without a dot if the listener is not on loopback. While every caller needs a key or a token, names are checked only if they are set here.',
  }),
  authStaleMs: wholeNumber({
    variable: 'SLUICE_AUTH_STALE_MS',
    byDefault: 60_000,
    min: 1000,
    max: TIMER_MS_MAX,
    sentence:
      'Time without contact to Redis or to a majority of the brokers after which API keys are refused with 503, because a revocation may be unknown.',
  }),
  socketAuthTimeoutMs: wholeNumber({
    variable: 'SLUICE_SOCKET_AUTH_TIMEOUT_MS',
    byDefault: 10_000,
    min: 100,
    max: TIMER_MS_MAX,
    sentence:
      'Time for the message `authenticate` on a WebSocket whose request had no credential; then it is closed with 4401.',
  }),
  apiKeysMax: wholeNumber({
    variable: 'SLUICE_API_KEYS_MAX',
    byDefault: 100_000,
    min: 1,
    max: 10_000_000,
    sentence: 'API keys of the cluster; above it: 409 `POLICY_VIOLATION`.',
  }),
  expiredKeysRetentionMinutes: wholeNumber({
    variable: 'SLUICE_EXPIRED_KEYS_RETENTION_MINUTES',
    byDefault: 43_200,
    min: 1,
    max: INT32_MAX,
    sentence:
      'Time for which an expired API key stays in the list of keys; after it the next created key removes it. An expired key is never accepted.',
  }),
  aclsMax: wholeNumber({
    variable: 'SLUICE_ACLS_MAX',
    byDefault: 1_000_000,
    min: 1,
    max: 100_000_000,
    sentence: 'Access control rules of the cluster; above it: 409 `POLICY_VIOLATION`.',
  }),
  quotasMax: wholeNumber({
    variable: 'SLUICE_QUOTAS_MAX',
    byDefault: 100_000,
    min: 1,
    max: 10_000_000,
    sentence: 'Principals with a quota of their own; above it: 409 `POLICY_VIOLATION`.',
  }),
  aclsPerChangeMax: wholeNumber({
    variable: 'SLUICE_ACLS_PER_CHANGE_MAX',
    byDefault: 10_000,
    min: 1000,
    max: 1_000_000,
    sentence:
      'Access control rules that one request may add or remove; above it: 409 `POLICY_VIOLATION`.',
  }),
  pages: serving({
    variable: 'SLUICE_PAGES',
    defaultNote: '`admin` with `SLUICE_ADMIN_PORT`, else `on`',
    sentence:
      'Listeners that serve the pages `/docs` and `/try` and the documents of the API. They need no credential, and hold no data.',
  }),
};

/** Values of the section that decide whether a start is safe. */
interface SecurityDecision {
  readonly host: string;
  readonly adminHost: string | undefined;
  readonly auth: 'off' | 'on' | undefined;
}

/**
 * Returns the reason for not starting without a decision about authentication: the listener is
 * public, or another setting of security or TLS is set.
 */
export function securityContradictions(
  { host, adminHost, auth }: SecurityDecision,
  environment: Readonly<Record<string, string | undefined>>,
): Contradiction[] {
  if (auth !== undefined) return [];
  const others = Object.values({ ...SECURITY_SETTINGS, ...CREDENTIAL_SETTINGS, ...TLS_SETTINGS })
    .flatMap(({ variable }) => [variable, `${variable}_FILE`])
    .filter((variable) => isSet(environment[variable]));
  const reasons = [
    ...publicHost('SLUICE_HOST', host),
    ...publicHost('SLUICE_ADMIN_HOST', adminHost),
    ...others.map((variable) => `${variable} is set`),
  ];
  if (reasons.length === 0) return [];
  const accepts =
    `"on", so that every request needs a credential, or "off", so that whoever reaches the ` +
    `listener may do everything: one is needed because ${reasons.join(' and ')}`;
  return [{ variable: SECURITY_SETTINGS.auth.variable, given: undefined, accepts }];
}

function publicHost(variable: string, host: string | undefined): string[] {
  return host === undefined || isLoopback(host) ? [] : [`${variable} is ${JSON.stringify(host)}`];
}

function parseKeys(text: string): Parsed<readonly PresentedKey[]> {
  const keys = text.split(',').map((each) => parseApiKey(each.trim()));
  const known = keys.filter((key) => key !== undefined);
  const isAccepted = known.length === keys.length && keys.length <= 2;
  return isAccepted ? { ok: true, value: known } : { ok: false };
}

/** A distinguished name may contain commas: a principal begins where its type is. */
function parsePrincipals(text: string): Parsed<readonly string[]> {
  const principals = text.split(/,\s*(?=(?:key|user|cert):)/).map((each) => each.trim());
  const isAccepted = principals.every((each) => /^(key|user|cert):[^*\s].*$/.test(each));
  return isAccepted ? { ok: true, value: principals } : { ok: false };
}

function parseHosts(text: string): Parsed<readonly string[]> {
  const hosts = text.split(',').map((each) => each.trim());
  const isAccepted = hosts.every((each) => each === '*' || /^(\*\.)?[\w-]+(\.[\w-]+)*$/.test(each));
  return isAccepted ? { ok: true, value: hosts } : { ok: false };
}

function isSet(text: string | undefined): boolean {
  return text !== undefined && text.trim() !== '';
}
