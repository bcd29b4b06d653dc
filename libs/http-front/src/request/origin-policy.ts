import type { IncomingHttpHeaders } from 'node:http';
import { ProtocolError } from '#protocol';
import { HostPolicy, type HostPolicyOptions } from './host-policy.js';

const CORS_MAX_AGE_SECONDS = 600;
const CORS_METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE';
const CORS_REQUEST_HEADERS = [
  'Accept',
  'Authorization',
  'Content-Encoding',
  'Content-Type',
  'Last-Event-ID',
  'Producer-Epoch',
  'Producer-Id',
  'Producer-Sequence',
  'Producer-Token',
  'X-Request-Id',
].join(', ');
const CORS_RESPONSE_HEADERS = [
  'Allow',
  'Location',
  'Retry-After',
  'Sluice-High-Watermark',
  'Sluice-Key',
  'Sluice-Key-Base64',
  'Sluice-Key-Size',
  'Sluice-Next-Offset',
  'Sluice-Offset',
  'Sluice-Timestamp',
  'Sluice-Tombstone',
  'WWW-Authenticate',
  'X-Request-Id',
].join(', ');

/** The settings of the gateway's own origin and of the origins that may call it from a browser. */
export interface OriginPolicyOptions extends HostPolicyOptions {
  readonly corsOrigins: readonly string[];
}

/**
 * Decides which web pages may call.
 *
 * A browser sends the `Origin` of the page with every request that could change something,
 * including those without a preflight (a text/plain POST). Any origin but the own one and the
 * allowed ones is refused before the request has an effect. `Origin: null` is foreign.
 *
 * The own origin is that of SLUICE_PUBLIC_URL, and where the page was loaded from: an Origin that
 * equals the `Host` of the request, if that is an address, localhost or a name that was set.
 * Another name is not enough: anybody can make a name point here (DNS rebinding). For the same
 * reason unknown names are refused as `Host` of any request.
 */
export class OriginPolicy {
  readonly #ownOrigin: string;
  readonly #allowed: ReadonlySet<string>;
  readonly #allowsAll: boolean;
  readonly #hosts: HostPolicy;

  constructor(options: OriginPolicyOptions) {
    this.#ownOrigin = new URL(options.publicUrl).origin;
    this.#allowsAll = options.corsOrigins.includes('*');
    this.#allowed = new Set(options.corsOrigins.map(canonicalOrigin));
    this.#hosts = new HostPolicy(options);
  }

  /** Returns the reason for refusing the request, or undefined. Cheap without an Origin. */
  refusal(headers: IncomingHttpHeaders): ProtocolError | undefined {
    const { host, origin } = headers;
    const unknownHost = this.#hosts.refusal(host);
    if (unknownHost !== undefined) return unknownHost;
    if (origin === undefined || this.#isOwn(origin, host) || this.#isAllowed(origin)) {
      return undefined;
    }
    return forbidden(
      `The Origin ${JSON.stringify(origin)} may not call this gateway. ` +
        'SLUICE_CORS_ORIGINS lists the origins that may.',
    );
  }

  /**
   * True when the caller is a page of another origin that may read answers, which need CORS
   * headers.
   */
  isCrossOrigin(headers: IncomingHttpHeaders): boolean {
    const { host, origin } = headers;
    return origin !== undefined && !this.#isOwn(origin, host);
  }

  #isAllowed(origin: string): boolean {
    return (this.#allowsAll && origin !== 'null') || this.#allowed.has(canonicalOrigin(origin));
  }

  #isOwn(origin: string, host: string | undefined): boolean {
    if (origin === this.#ownOrigin) return true;
    if (host === undefined || (origin !== `http://${host}` && origin !== `https://${host}`)) {
      return false;
    }
    return this.#hosts.isOwn(host);
  }
}

/** Returns the headers that let a page of `origin` read the answer, as names and values. */
export function corsHeaders(origin: string): readonly (readonly [string, string])[] {
  return [
    ['Access-Control-Allow-Origin', origin],
    ['Access-Control-Expose-Headers', CORS_RESPONSE_HEADERS],
    ['Vary', 'Origin'],
  ];
}

/** Returns the headers that answer a preflight, as names and values. */
export function preflightHeaders(
  headers: IncomingHttpHeaders,
): readonly (readonly [string, string])[] {
  const isPrivate = headers['access-control-request-private-network'] === 'true';
  return [
    ['Access-Control-Allow-Methods', CORS_METHODS],
    ['Access-Control-Allow-Headers', CORS_REQUEST_HEADERS],
    ['Access-Control-Max-Age', String(CORS_MAX_AGE_SECONDS)],
    ...(isPrivate ? [['Access-Control-Allow-Private-Network', 'true'] as const] : []),
  ];
}

function forbidden(detail: string): ProtocolError {
  return new ProtocolError('CLUSTER_AUTHORIZATION_FAILED', detail);
}

/** Returns an origin in the form of browsers: lower case, no default port, no slash at the end. */
function canonicalOrigin(origin: string): string {
  return URL.canParse(origin) ? new URL(origin).origin : origin;
}
