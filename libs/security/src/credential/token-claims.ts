/** Largest number of groups of a principal. */
const GROUPS_MAX = 64;
/** Longest name of a principal or group, in characters. */
const NAME_LENGTH_MAX = 256;
/** Latest time that a Date has, in ms since the epoch. */
const TIME_MS_MAX = 8.64e15;

/** Names that stand for callers without a credential, and for every principal. */
const RESERVED_NAMES: ReadonlySet<string> = new Set(['anonymous', '*']);

/** Control characters, halves of characters, and line separators. */
const UNACCEPTABLE_CHARACTERS = /[\p{Cc}\p{Cs}\u2028\u2029]/u;

/** The claims of a verified token that Sluice uses. */
export interface TokenClaims {
  /** `user:<name>`. */
  readonly principal: string;
  /** `group:<name>`, at most 64. */
  readonly groups: readonly string[];
  /** Time at which the token ends, with the skew of clocks, in ms since the epoch. */
  readonly expiresAtMs: number;
}

/** The claims to use; a name with dots may also be the path to a nested claim. */
export interface ClaimNames {
  readonly principalClaim: string;
  /** Undefined if tokens name no groups. */
  readonly groupsClaim: string | undefined;
}

/**
 * Returns undefined if the claims identify nobody: without a name, with a reserved one, or with
 * groups that are not a list of at most 64 names. A list is never shortened, because a rule may
 * deny something to the group that was left out.
 * @param skewMs time for which the clocks of issuer and broker may differ
 */
export function readClaims(
  payload: Readonly<Record<string, unknown>>,
  { principalClaim, groupsClaim }: ClaimNames,
  skewMs: number,
): TokenClaims | undefined {
  const name = claim(payload, principalClaim);
  const groups = groupsClaim === undefined ? [] : groupNames(claim(payload, groupsClaim));
  const { exp } = payload;
  if (!isName(name) || groups === undefined || typeof exp !== 'number') return undefined;
  return {
    principal: `user:${name}`,
    groups: groups.map((group) => `group:${group}`),
    expiresAtMs: Math.min(exp * 1000 + skewMs, TIME_MS_MAX),
  };
}

function claim(payload: Readonly<Record<string, unknown>>, name: string): unknown {
  if (Object.hasOwn(payload, name)) return payload[name];
  let found: unknown = payload;
  for (const part of name.split('.')) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, part)) {
      return undefined;
    }
    found = (found as Record<string, unknown>)[part];
  }
  return found;
}

function groupNames(value: unknown): readonly string[] | undefined {
  if (value === undefined) return [];
  const names: readonly unknown[] = Array.isArray(value) ? value : [value];
  return names.length <= GROUPS_MAX && names.every(isName) ? names : undefined;
}

function isName(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value !== '' &&
    value.length <= NAME_LENGTH_MAX &&
    !RESERVED_NAMES.has(value) &&
    !UNACCEPTABLE_CHARACTERS.test(value)
  );
}
