import { networkError } from '../sluice-error.js';
import type { Auth } from './options.js';

/**
 * Returns the token of credentials; undefined without credentials.
 * @throws SluiceError NETWORK_EXCEPTION when the program's function fails: it may not the next time
 */
export async function tokenOf(auth: Auth | undefined): Promise<string | undefined> {
  if (auth === undefined || 'apiKey' in auth) return auth?.apiKey;
  const { token } = auth;
  try {
    return typeof token === 'function' ? await token() : token;
  } catch (cause) {
    throw networkError('no token was returned', 'failed', cause);
  }
}
