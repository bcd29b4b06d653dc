const SCHEME = /^[a-z][a-z0-9+.-]{0,31}:(?:\/\/)?/i;
const MASK = '***';
/** Matches a bracketed IPv6 address, or a colon without a port after it. */
const ADDRESS_OR_TEXT = /\[[0-9a-fA-F:.]*\]|:(?!\d{1,5}(?:[,/]|$))[^,/]*/g;

/**
 * Returns a URL, well-formed or not, as it may be shown: user and password, the values of the
 * query, and anything else that may be a misplaced password are replaced by `***`.
 */
export function maskedUrl(text: string): string {
  const scheme = SCHEME.exec(text)?.[0];
  if (scheme === undefined) return MASK;
  const rest = text.slice(scheme.length);
  const separatorIndex = rest.lastIndexOf('@');
  const queryAt = rest.indexOf('?');
  // One of the two characters is part of a password, and the end of the password is unknown.
  if (queryAt >= 0 && queryAt < separatorIndex) return scheme + MASK;
  const address = rest.slice(separatorIndex + 1, queryAt < 0 ? undefined : queryAt);
  const query = queryAt < 0 ? '' : rest.slice(queryAt);
  // Without slashes, or without a host after a user, the whole text may be a password.
  if (!scheme.endsWith('//')) return scheme + MASK;
  return [
    scheme,
    separatorIndex < 0 ? '' : `${MASK}@`,
    address.replace(ADDRESS_OR_TEXT, (match) => (match.startsWith('[') ? match : `:${MASK}`)),
    query.replace(/=[^&]*/g, `=${MASK}`).replace(/(?<=[?&])[^=&]+(?=&|$)/g, MASK),
  ].join('');
}
