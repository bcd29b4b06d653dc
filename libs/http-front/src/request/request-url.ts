/**
 * Splits a request's URL, which may also come in absolute form (to a proxy), into path and query.
 */
export function splitUrl(url: string): { readonly path: string; readonly search: string } {
  const origin = url.startsWith('/') ? url : pathOfAbsolute(url);
  const queryAt = origin.indexOf('?');
  if (queryAt < 0) return { path: origin, search: '' };
  return { path: origin.slice(0, queryAt), search: origin.slice(queryAt + 1) };
}

function pathOfAbsolute(url: string): string {
  const match = /^https?:\/\/[^/?#]*(.*)$/i.exec(url);
  if (match === null) return url;
  const path = match[1] ?? '';
  return path.startsWith('/') ? path : `/${path}`;
}
