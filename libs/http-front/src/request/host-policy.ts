import { isIP } from 'node:net';
import { ProtocolError } from '#protocol';
import { isLoopback } from '#runtime';

/** Bound on the accepted Host headers that are cached. */
const HOSTS_REMEMBERED_MAX = 64;

/** A host and an optional port; an IPv6 address stands in brackets. */
const HOST = /^(\[[\da-f:.]+\]|[^:[\]]+)(?::\d*)?$/i;
/** A name without a dot, which nobody can register: that of a container or of a machine nearby. */
const SINGLE_LABEL = /^[\w-]+$/;

/** The settings of the names of a gateway. */
export interface HostPolicyOptions {
  /** Address that the listener is bound to. */
  readonly host: string;
  readonly publicUrl: string;
  /** Another URL whose name is one of this gateway; undefined without one. */
  readonly otherUrl?: string | undefined;
  /**
   * Further names, `*.` before a name for all names below it, or `*` for every name; undefined if
   * they are not set.
   */
  readonly allowedHosts: readonly string[] | undefined;
  /**
   * True if a request needs a bearer for everything that is not public. A page whose name was made
   * point here has none, so names are checked only if they are set.
   */
  readonly needsBearer: boolean;
}

/**
 * Decides which `Host` headers name this gateway (DNS rebinding).
 *
 * Anybody can make a name point to any address. A page that was loaded under such a name may then
 * call this gateway as its own origin. Nobody can do this with an address, `localhost`, or a name
 * that an operator has set.
 */
export class HostPolicy {
  readonly #isOnLoopback: boolean;
  readonly #checks: boolean;
  readonly #names: ReadonlySet<string>;
  /** Names that other names may end with, each with a dot in front. */
  readonly #suffixes: readonly string[];
  readonly #accepted = new Set<string>();

  constructor({ host, publicUrl, otherUrl, allowedHosts = [], needsBearer }: HostPolicyOptions) {
    this.#isOnLoopback = isLoopback(host);
    this.#checks = (!needsBearer || allowedHosts.length > 0) && !allowedHosts.includes('*');
    const allowed = allowedHosts.map((name) => name.toLowerCase());
    const urls = otherUrl === undefined ? [publicUrl] : [publicUrl, otherUrl];
    const ofUrls = urls.map((url) => new URL(url).hostname);
    this.#names = new Set([...ofUrls, host.toLowerCase(), ...allowed]);
    this.#suffixes = allowed.filter((name) => name.startsWith('*.')).map((name) => name.slice(1));
  }

  /** Returns the reason for refusing a request with this header, or undefined. */
  refusal(host: string | undefined): ProtocolError | undefined {
    // HTTP/1.0 may have none; browsers always send it.
    if (!this.#checks || host === undefined || this.#accepted.has(host)) return undefined;
    if (!this.#accepts(hostName(host))) return unknownHost(host);
    if (this.#accepted.size < HOSTS_REMEMBERED_MAX) this.#accepted.add(host);
    return undefined;
  }

  /** True if a page that was loaded from this host is a page of this gateway. */
  isOwn(host: string): boolean {
    const name = hostName(host);
    return isRebindProof(name) || this.#isSet(name);
  }

  #accepts(name: string): boolean {
    if (isRebindProof(name) || this.#isSet(name)) return true;
    // On loopback only this machine calls, which needs no such name.
    return !this.#isOnLoopback && SINGLE_LABEL.test(name);
  }

  #isSet(name: string): boolean {
    return this.#names.has(name) || this.#suffixes.some((suffix) => name.endsWith(suffix));
  }
}

function unknownHost(host: string): ProtocolError {
  return new ProtocolError(
    'CLUSTER_AUTHORIZATION_FAILED',
    `The Host ${JSON.stringify(host)} is not a name of this gateway. Use its address, or set the ` +
      'name with SLUICE_ALLOWED_HOSTS or SLUICE_PUBLIC_URL.',
  );
}

/**
 * Returns the host of `host:port` in lower case, an IPv6 address in brackets; empty for any other
 * text.
 */
function hostName(host: string): string {
  return (HOST.exec(host)?.[1] ?? '').toLowerCase();
}

/** True when nobody can make this name point to another address. */
function isRebindProof(name: string): boolean {
  if (name === 'localhost' || name.endsWith('.localhost')) return true;
  return isIP(name.startsWith('[') ? name.slice(1, -1) : name) !== 0;
}
