import { networkError, type Outcome, SluiceError } from '../sluice-error.js';

/** An error of Node.js about a connection. Browsers tell none. */
interface ConnectionFault {
  readonly code?: string;
  readonly message?: string;
}

const UNREACHABLE =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|(UND_)?ERR_CONNECT_TIMEOUT)$/;
const WRONG_CERTIFICATE = /CERT|UNABLE_TO_VERIFY/;

/**
 * Returns the error of a connection that was not made, or that broke.
 * @param detail a clause; the reason as Node.js tells it follows
 * @param fault error of Node.js; undefined in browsers
 * @param outcome effect of the call if the connection was made
 */
export function connectionError(
  detail: string,
  fault: unknown,
  outcome: Outcome,
  cause: unknown = fault,
): SluiceError {
  const { code, message } = (fault ?? {}) as ConnectionFault;
  const reason = message || code;
  const told = reason ? `${detail}: ${reason}` : detail;
  // A broker with a wrong certificate will have it at the next attempt as well.
  if (WRONG_CERTIFICATE.test(String(code))) {
    return new SluiceError('NETWORK_EXCEPTION', told, { outcome: 'failed', cause });
  }
  return networkError(told, UNREACHABLE.test(String(code)) ? 'failed' : outcome, cause);
}
