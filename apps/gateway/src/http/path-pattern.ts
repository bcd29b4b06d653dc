/**
 * Returns the pattern of a path of the table of operations, with a group for each parameter in its
 * order. Clients may percent-encode a colon, as in `records%3Araw`.
 */
export function pathPattern(path: string): RegExp {
  const segments = path
    .split('/')
    .map((segment) => (segment.startsWith('{') ? '([^/]+)' : literal(segment)));
  return new RegExp(`^${segments.join('/')}$`);
}

function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll(':', '(?::|%3[Aa])');
}
