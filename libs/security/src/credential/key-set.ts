import {
  calculateJwkThumbprint,
  createLocalJWKSet,
  type JSONWebKeySet,
  type JWK,
  type LocalJWKSet,
} from 'jose';
import { ProtocolError } from '#protocol';
import { type Clock, type Logger, SparseLog } from '#runtime';
import type { IssuerKeys } from '../access/issuer-keys.js';

/** Most keys that one issuer may have; a longer list is refused. */
const KEYS_MAX = 100;
/** Pause after a key set could not be loaded, ms. */
const FAILURE_PAUSE_MS = 1000;

/**
 * Reads a JSON document from a URL, bounded in size and time.
 * @throws when there is none
 */
export type FetchJson = (url: string) => Promise<unknown>;

export interface KeySetOptions {
  /** Issuer, as in the claim `iss`. */
  readonly issuer: string;
  /** URL of the key set; undefined if it is discovered from the issuer. */
  readonly jwksUrl: string | undefined;
  /** Age at which a key set is no longer used, ms: a withdrawn key lives no longer than this. */
  readonly maxAgeMs: number;
  /** Least time between two loads because of a key that the set does not have, ms. */
  readonly cooldownMs: number;
}

export interface KeySetParts {
  readonly fetchJson: FetchJson;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** One loaded state of the key set. */
export interface LoadedKeys {
  /** Returns the public key of a token, by its header. */
  readonly find: LocalJWKSet;
  /** The thumbprints of all keys (RFC 7638). */
  readonly thumbprints: ReadonlySet<string>;
  /** Monotonic time at which the load began, ms. */
  readonly loadedMs: number;
}

/**
 * The public keys of the issuer of tokens.
 *
 * They are loaded when the first token arrives, again in the background at half of their greatest
 * age, and for tokens of unknown keys as often as the cooldown allows. Keys that could not be
 * loaded again are used until they reach their greatest age.
 *
 * Overlap: all calls may overlap; there is at most one load at a time, which they share.
 */
export class KeySet implements IssuerKeys {
  readonly #options: KeySetOptions;
  readonly #parts: KeySetParts;
  readonly #log: SparseLog;
  #loaded: LoadedKeys | undefined;
  #loading: Promise<LoadedKeys> | undefined;
  /** Monotonic time until which nothing is loaded, ms. */
  #pausedUntilMs = 0;
  #failuresTotal = 0;

  constructor(options: KeySetOptions, parts: KeySetParts) {
    this.#options = options;
    this.#parts = parts;
    this.#log = new SparseLog(parts.logger, () => parts.clock.monotonicMs());
  }

  /** Number of loads that failed since the start. */
  get failuresTotal(): number {
    return this.#failuresTotal;
  }

  /** Monotonic time until which a verdict by these keys may be used, ms. */
  usableUntilMs(keys: LoadedKeys): number {
    return keys.loadedMs + this.#options.maxAgeMs;
  }

  /** @throws ProtocolError BROKER_NOT_AVAILABLE if the key set is out of reach */
  async current(): Promise<LoadedKeys> {
    const nowMs = this.#parts.clock.monotonicMs();
    const loaded = this.#loaded;
    if (loaded === undefined || nowMs >= this.usableUntilMs(loaded)) return this.#load();
    this.#loadAgainIfOld(loaded);
    return loaded;
  }

  /**
   * Returns true if the newest key set that could be loaded does not have the key. Repeated calls
   * keep the key set young: it is loaded again in the background.
   */
  isWithdrawn(thumbprint: string): boolean {
    const loaded = this.#loaded;
    if (loaded === undefined) return false;
    this.#loadAgainIfOld(loaded);
    return !loaded.thumbprints.has(thumbprint);
  }

  /**
   * Returns keys that are newer than those without the key of a token; undefined during the
   * cooldown.
   * @throws ProtocolError BROKER_NOT_AVAILABLE if the key set is out of reach
   */
  async newerThan(keys: LoadedKeys): Promise<LoadedKeys | undefined> {
    const loaded = this.#loaded;
    if (loaded !== undefined && loaded !== keys) return loaded;
    const isCooling = this.#parts.clock.monotonicMs() < keys.loadedMs + this.#options.cooldownMs;
    return isCooling ? undefined : this.#load();
  }

  #loadAgainIfOld({ loadedMs }: LoadedKeys): void {
    const nowMs = this.#parts.clock.monotonicMs();
    const isOld = nowMs >= loadedMs + this.#options.maxAgeMs / 2;
    // A failure is logged by the load; the keys are used as long as they may be.
    if (isOld && nowMs >= this.#pausedUntilMs) this.#load().catch(() => undefined);
  }

  #load(): Promise<LoadedKeys> {
    if (this.#loading !== undefined) return this.#loading;
    if (this.#parts.clock.monotonicMs() < this.#pausedUntilMs) {
      return Promise.reject(outOfReach());
    }
    const loading = this.#loadOnce().finally(() => {
      this.#loading = undefined;
    });
    this.#loading = loading;
    return loading;
  }

  async #loadOnce(): Promise<LoadedKeys> {
    const { clock } = this.#parts;
    const loadedMs = clock.monotonicMs();
    try {
      const keySet = publicKeysOf(await this.#parts.fetchJson(await this.#url()));
      const thumbprints = await thumbprintsOf(keySet);
      this.#loaded = { find: createLocalJWKSet(keySet), thumbprints, loadedMs };
      this.#log.forget('load');
      return this.#loaded;
    } catch (error) {
      this.#failuresTotal += 1;
      this.#pausedUntilMs = clock.monotonicMs() + FAILURE_PAUSE_MS;
      this.#log.warn(
        'load',
        { err: error },
        'the key set of the token issuer could not be read: tokens are refused once it is too old',
      );
      throw outOfReach();
    }
  }

  async #url(): Promise<string> {
    const { issuer, jwksUrl } = this.#options;
    if (jwksUrl !== undefined) return jwksUrl;
    const base = issuer.endsWith('/') ? issuer.slice(0, -1) : issuer;
    const document = await this.#parts.fetchJson(`${base}/.well-known/openid-configuration`);
    const { issuer: named, jwks_uri: url } = Object(document) as Record<string, unknown>;
    if (named !== issuer) throw new Error('the discovered document is of another issuer');
    if (typeof url !== 'string' || !isSafeUrl(url)) {
      throw new Error('the discovered document has no acceptable jwks_uri');
    }
    return url;
  }
}

/** True for https, and for http to this machine: keys that came another way may be forged. */
export function isSafeUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') return false;
  if (url.protocol === 'https:') return true;
  const isLoopback = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname);
  return url.protocol === 'http:' && isLoopback;
}

/** Returns the asymmetric keys for signatures, without the others. */
function publicKeysOf(document: unknown): JSONWebKeySet {
  const { keys } = Object(document) as { readonly keys?: unknown };
  if (!Array.isArray(keys) || keys.length > KEYS_MAX) {
    throw new Error(`a key set has a list of at most ${KEYS_MAX} keys`);
  }
  // Public keys are exported again for their thumbprints, whatever `ext` says.
  return { keys: keys.filter(isPublicSignatureKey).map((key) => ({ ...key, ext: true })) };
}

/** Leaves out malformed keys: they verify nothing. */
async function thumbprintsOf({ keys }: JSONWebKeySet): Promise<ReadonlySet<string>> {
  const all = await Promise.allSettled(keys.map((key) => calculateJwkThumbprint(key)));
  return new Set(all.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : [])));
}

/** A symmetric key in a key set would be known to everyone. */
function isPublicSignatureKey(key: unknown): key is JWK {
  const { kty, use } = Object(key) as Record<string, unknown>;
  const isAsymmetric = kty === 'RSA' || kty === 'EC' || kty === 'OKP';
  return isAsymmetric && (use === undefined || use === 'sig');
}

function outOfReach(): ProtocolError {
  return new ProtocolError(
    'BROKER_NOT_AVAILABLE',
    'Tokens cannot be verified at present, because the keys of their issuer are out of reach.',
    { outcome: 'failed', retryAfterMs: FAILURE_PAUSE_MS },
  );
}
