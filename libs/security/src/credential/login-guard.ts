import { ProtocolError } from '#protocol';
import type { TrustedProxies } from './client-address.js';
import type { FailedLogins } from './failed-logins.js';

/** The parts of a request that tell where it comes from. */
export interface RequestOrigin {
  readonly socket: { readonly remoteAddress?: string | undefined };
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** Tells the addresses of clients, and how long answers to failed logins are held back. */
export class LoginGuard {
  readonly #proxies: TrustedProxies;
  readonly #logins: FailedLogins;

  constructor(proxies: TrustedProxies, logins: FailedLogins) {
    this.#proxies = proxies;
    this.#logins = logins;
  }

  /** The failed logins of all addresses. */
  get failed(): Pick<
    FailedLogins,
    'addressCount' | 'failuresTotal' | 'delayedTotal' | 'delayMsTotal'
  > {
    return this.#logins;
  }

  /** Returns the address of the client; empty if it is gone. */
  addressOf({ socket, headers }: RequestOrigin): string {
    const forwarded = headers['x-forwarded-for'];
    const text = typeof forwarded === 'string' ? forwarded : forwarded?.join(',');
    return this.#proxies.clientAddress(socket.remoteAddress ?? '', text);
  }

  /**
   * Counts a refusal of a credential that was presented, and no other refusal.
   * @returns the time for which the refusal is held back, ms
   */
  refusalDelayMs(address: string, error: unknown, isPresented: boolean): number {
    const isFailure = error instanceof ProtocolError && error.code === 'SASL_AUTHENTICATION_FAILED';
    return isFailure && isPresented ? this.#logins.failed(address) : 0;
  }
}
