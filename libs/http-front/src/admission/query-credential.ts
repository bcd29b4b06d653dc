import { ProtocolError } from '#protocol';

/**
 * Names of query parameters that clients of other servers use for credentials. `key` is not among
 * them, because it is the key of a record.
 */
const CREDENTIAL_NAMES: ReadonlySet<string> = new Set([
  'access_token',
  'access-token',
  'accesstoken',
  'api_key',
  'api-key',
  'apikey',
  'auth',
  'auth_token',
  'authorization',
  'bearer',
  'credential',
  'id_token',
  'jwt',
  'password',
  'secret',
  'token',
]);

/** Every one of the names has one of these parts, or is written with a `%` or a `+`. */
const MAY_BE_A_NAME = /api|auth|token|bearer|credential|jwt|password|secret|[%+]/i;

/**
 * Refuses a request with a credential in its query: URLs are written to the logs of proxies.
 * @param search query of the URL, without the question mark
 * @throws ProtocolError INVALID_REQUEST, which repeats no value
 */
export function assertNoQueryCredential(search: string): void {
  // Most queries have none of the parts: they cost one pass.
  if (search === '' || !MAY_BE_A_NAME.test(search)) return;
  for (const pair of search.split('&')) {
    const name = nameOf(pair);
    if (!CREDENTIAL_NAMES.has(name)) continue;
    const detail = 'a URL must not carry a credential: send it in the Authorization header';
    throw new ProtocolError('INVALID_REQUEST', `Query parameter ?${name}: ${detail}.`, {
      faults: [{ pointer: `?${name}`, detail }],
    });
  }
}

function nameOf(pair: string): string {
  const equalsAt = pair.indexOf('=');
  const name = equalsAt < 0 ? pair : pair.slice(0, equalsAt);
  try {
    return decodeURIComponent(name.replaceAll('+', ' ')).toLowerCase();
  } catch {
    // The parser of the query refuses it.
    return '';
  }
}
