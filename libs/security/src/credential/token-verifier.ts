import { createHash } from 'node:crypto';
import { calculateJwkThumbprint, errors, jwtVerify } from 'jose';
import { ProtocolError } from '#protocol';
import { type Clock, Limiter, RecentMap } from '#runtime';
import type { IssuerKeys } from '../access/issuer-keys.js';
import type { KeySet, LoadedKeys } from './key-set.js';
import { type ClaimNames, readClaims, type TokenClaims } from './token-claims.js';

/** Asymmetric algorithms: with a symmetric one everyone who verifies can also sign. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];

/** Types of tokens that identify a caller; others, such as logout tokens, have other purposes. */
const TYPES: ReadonlySet<string> = new Set(['jwt', 'at+jwt', 'application/at+jwt']);

/** Time for which the clocks of the issuer and of this broker may differ, s. */
const SKEW_S = 30;
/** Signatures that are verified at a time: each occupies a thread that the disk also needs. */
const VERIFICATIONS_MAX = 2;
/** Tokens that wait for the verification of their signature. */
const WAITING_MAX = 1000;

export interface TokenVerifierOptions extends ClaimNames {
  readonly issuer: string;
  /** Audiences of this cluster; a token must be for one of them. */
  readonly audiences: readonly string[];
  /** Verified tokens that are remembered. */
  readonly rememberedMax: number;
}

/** The claims of a valid token. */
interface VerifiedToken extends TokenClaims {
  /** Thumbprint of the key that signed it (RFC 7638). */
  readonly issuerKey: string;
}

interface RememberedToken {
  readonly claims: VerifiedToken;
  /** Monotonic time until which the key set that verified it may be used, ms. */
  readonly usableUntilMs: number;
}

/**
 * Verifies JWTs: signature, issuer, audience and times. Verified tokens are remembered by their
 * hash until they expire or the key set that verified them is too old; those that nobody uses are
 * forgotten first.
 *
 * Overlap: `verify` may overlap; at most two signatures are verified at a time.
 */
export class TokenVerifier {
  readonly #options: TokenVerifierOptions;
  readonly #keys: KeySet;
  readonly #clock: Clock;
  readonly #limiter = new Limiter(VERIFICATIONS_MAX);
  readonly #remembered: RecentMap<RememberedToken>;

  constructor(options: TokenVerifierOptions, keys: KeySet, clock: Clock) {
    this.#options = options;
    this.#keys = keys;
    this.#clock = clock;
    this.#remembered = new RecentMap(options.rememberedMax);
  }

  /** The keys that verify the tokens. */
  get issuerKeys(): IssuerKeys {
    return this.#keys;
  }

  /** Number of remembered tokens. */
  get rememberedCount(): number {
    return this.#remembered.size;
  }

  /**
   * Returns the claims of a valid token, and undefined for every other text.
   * @throws ProtocolError BROKER_NOT_AVAILABLE if the keys are out of reach, or too many wait
   */
  async verify(token: string): Promise<VerifiedToken | undefined> {
    const hash = createHash('sha256').update(token).digest('base64');
    const remembered = this.#recall(hash);
    if (remembered !== undefined) return remembered;
    if (!isCanonical(token)) return undefined;
    if (this.#limiter.waiting >= WAITING_MAX) throw tooManyTokens();
    return this.#limiter.run(() => this.#verifyNow(token, hash));
  }

  async #verifyNow(token: string, hash: string): Promise<VerifiedToken | undefined> {
    const keys = await this.#keys.current();
    const claims = await this.#verifyBy(keys, token, hash);
    if (claims !== 'unknown key') return claims;
    const newer = await this.#keys.newerThan(keys);
    if (newer === undefined) return undefined;
    const again = await this.#verifyBy(newer, token, hash);
    return again === 'unknown key' ? undefined : again;
  }

  async #verifyBy(
    keys: LoadedKeys,
    token: string,
    hash: string,
  ): Promise<VerifiedToken | undefined | 'unknown key'> {
    const { issuer, audiences } = this.#options;
    try {
      const { payload, protectedHeader, key } = await jwtVerify(token, keys.find, {
        algorithms: ALGORITHMS,
        issuer,
        audience: [...audiences],
        requiredClaims: ['exp'],
        clockTolerance: SKEW_S,
        currentDate: new Date(this.#clock.nowMs()),
      });
      if (!TYPES.has((protectedHeader.typ ?? 'jwt').toLowerCase())) return undefined;
      const named = readClaims(payload, this.#options, SKEW_S * 1000);
      if (named === undefined) return undefined;
      const claims = { ...named, issuerKey: await calculateJwkThumbprint(key) };
      this.#remember(hash, claims, keys);
      return claims;
    } catch (error) {
      // Every other error of jose, Node or WebCrypto means the same: the token is not valid.
      return error instanceof errors.JWKSNoMatchingKey ? 'unknown key' : undefined;
    }
  }

  #recall(hash: string): VerifiedToken | undefined {
    const remembered = this.#remembered.get(hash);
    if (remembered === undefined) return undefined;
    const isUsable =
      this.#clock.nowMs() < remembered.claims.expiresAtMs &&
      this.#clock.monotonicMs() < remembered.usableUntilMs &&
      !this.#keys.isWithdrawn(remembered.claims.issuerKey);
    if (isUsable) return remembered.claims;
    this.#remembered.delete(hash);
    return undefined;
  }

  #remember(hash: string, claims: VerifiedToken, keys: LoadedKeys): void {
    this.#remembered.set(hash, { claims, usableUntilMs: this.#keys.usableUntilMs(keys) });
  }
}

/** True if no other text has the same bytes: decoders of base64url ignore some bits and letters. */
function isCanonical(token: string): boolean {
  return token
    .split('.')
    .every((part) => Buffer.from(part, 'base64url').toString('base64url') === part);
}

function tooManyTokens(): ProtocolError {
  return new ProtocolError(
    'BROKER_NOT_AVAILABLE',
    `${WAITING_MAX} tokens wait to be verified already.`,
    { outcome: 'failed' },
  );
}
