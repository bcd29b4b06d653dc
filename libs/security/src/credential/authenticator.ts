import { ProtocolError } from '#protocol';
import type { Clock } from '#runtime';
import { invalidError, notAccepted } from '../access/credential-errors.js';
import { Denials } from '../access/denials.js';
import { RuleAccess } from '../access/rule-access.js';
import type { Access, Caller, Credential, RevocableAccess } from '../caller.js';
import type { CertificateIdentity } from '../certificate/certificate-identity.js';
import type { ApiKey, KeySecret } from '../metadata/security-change.js';
import type { SecurityMetadata } from '../metadata/security-metadata.js';
import { hashSecret, matchingSecret, type PresentedKey } from './api-key.js';
import type { PresentedCredential } from './authorization.js';
import type { TokenVerifier } from './token-verifier.js';

/** The settings of the authenticator. */
export interface AuthenticatorOptions {
  /** Principals that the rules do not bind. */
  readonly superUsers: readonly string[];
  /** Keys that exist from the start; the principals of all of them are super users. */
  readonly bootstrapKeys: readonly PresentedKey[];
  /** `on`: a caller without a credential is `user:anonymous`. */
  readonly anonymous: 'off' | 'on';
  /** Time without contact to the other brokers after which keys are no longer accepted. */
  readonly authStaleMs: number;
}

/**
 * Turns the credentials of requests into callers with their permissions.
 *
 * Overlap: `authenticate` may overlap; what it remembers is looked up and set in one turn.
 */
export class Authenticator {
  readonly #options: AuthenticatorOptions;
  readonly #metadata: SecurityMetadata;
  readonly #clock: Clock;
  readonly #tokens: TokenVerifier | undefined;
  readonly #superUsers: ReadonlySet<string>;
  readonly #bootstrapKeys: ReadonlyMap<string, ApiKey>;
  /** Monotonic time until which the contact to the other brokers is recent enough, ms. */
  #freshUntilMs = Number.NEGATIVE_INFINITY;
  /** The permissions of each key, by secret hash: one for all who presented the same secret. */
  readonly #accessesOfKeys = new WeakMap<ApiKey, Map<string, RevocableAccess>>();
  /** Uses that were refused to the callers that it has identified. */
  readonly denials = new Denials();

  /** @param tokens verifies JWTs; undefined if none are accepted */
  constructor(
    options: AuthenticatorOptions,
    metadata: SecurityMetadata,
    clock: Clock,
    tokens?: TokenVerifier,
  ) {
    this.#options = options;
    this.#metadata = metadata;
    this.#clock = clock;
    this.#tokens = tokens;
    this.#superUsers = new Set(options.superUsers);
    this.#bootstrapKeys = bootstrapKeysOf(options.bootstrapKeys);
  }

  get isAnonymousAllowed(): boolean {
    return this.#options.anonymous === 'on';
  }

  /**
   * Identifies the caller. Keys are identified at once; the result of a token may come later.
   * @throws ProtocolError SASL_AUTHENTICATION_FAILED, the same for every fault of a credential;
   *   BROKER_NOT_AVAILABLE while this broker cannot know whether the credential was revoked
   */
  authenticate(presented: PresentedCredential): Access | Promise<Access> {
    if (presented.kind === 'none') return this.#anonymous();
    if (presented.kind === 'key') return this.#accessOfKey(presented.key);
    if (presented.kind === 'token' && this.#tokens !== undefined) {
      return this.#accessOfToken(presented.token, this.#tokens);
    }
    throw notAccepted();
  }

  /** Identifies the client of a certificate that the TLS handshake has accepted. */
  authenticateCertificate({
    principal,
    fingerprint,
    expiresAtMs,
  }: CertificateIdentity): RevocableAccess {
    const credential = { kind: 'certificate', fingerprint } as const;
    return this.#accessOf(principal, { credential, expiresAtMs });
  }

  /**
   * Returns the permissions of a caller that was identified before, for example by a ticket.
   * @throws ProtocolError like `authenticate`
   */
  accessOfCaller(caller: Caller): Access {
    const access = this.#accessBy(caller);
    this.assertValid(access);
    return access;
  }

  /**
   * Checks that the credential of an earlier request is still valid.
   * @param nowMs the monotonic time, if it is known
   * @throws ProtocolError like `authenticate`
   */
  assertValid(access: Access, nowMs?: number): void {
    const invalidity = access.invalidity(nowMs);
    if (invalidity !== undefined) throw invalidError(invalidity);
  }

  #anonymous(): Access {
    if (!this.isAnonymousAllowed) throw credentialMissing();
    return this.#accessOf('user:anonymous', { credential: { kind: 'none' } });
  }

  #accessOfKey({ id, secret }: PresentedKey): Access {
    const nowMs = this.#clock.nowMs();
    const bootstrapKey = this.#bootstrapKeys.get(id);
    const key = bootstrapKey ?? this.#metadata.view.key(id);
    const match = matchingSecret(secret, key, nowMs);
    if (key === undefined || match === undefined) throw notAccepted();
    if (bootstrapKey === undefined) this.#assertFresh();
    const known = this.#accessesOfKeys.get(key) ?? new Map<string, RevocableAccess>();
    this.#accessesOfKeys.set(key, known);
    const access =
      known.get(match.hash) ?? this.#newAccessOfKey(key, match, bootstrapKey !== undefined);
    known.set(match.hash, access);
    return access;
  }

  #newAccessOfKey(key: ApiKey, secret: KeySecret, isBootstrapKey: boolean): RevocableAccess {
    const { id, groups } = key;
    const principal = `key:${id}`;
    if (isBootstrapKey) {
      return this.#accessOf(principal, { credential: { kind: 'bootstrap-key', id } });
    }
    return this.#accessOf(principal, {
      groups,
      credential: { kind: 'key', id, secretHash: secret.hash },
      expiresAtMs: earlier(key.expiresAtMs, secret.expiresAtMs),
    });
  }

  async #accessOfToken(token: string, tokens: TokenVerifier): Promise<Access> {
    const claims = await tokens.verify(token);
    if (claims === undefined) throw notAccepted();
    this.#assertFresh();
    const { principal, groups, expiresAtMs, issuerKey } = claims;
    const credential = { kind: 'token', issuerKey } as const;
    return this.#accessOf(principal, { groups, credential, expiresAtMs });
  }

  #accessOf(
    principal: string,
    caller: Pick<Caller, 'credential'> & Partial<Pick<Caller, 'groups' | 'expiresAtMs'>>,
  ): RevocableAccess {
    const { credential, groups = [], expiresAtMs = null } = caller;
    const isSuperUser = this.#superUsers.has(principal) || isBootstrap(credential);
    const known = { principal, groups, isSuperUser, credential, expiresAtMs };
    return this.#accessBy(known);
  }

  #accessBy(caller: Caller): RevocableAccess {
    const { kind } = caller.credential;
    return new RuleAccess(caller, this.#metadata.view, this.#clock, {
      denials: this.denials,
      issuerKeys: this.#tokens?.issuerKeys,
      isStale: kind === 'key' || kind === 'token' ? this.#isStale : undefined,
    });
  }

  /** @throws ProtocolError BROKER_NOT_AVAILABLE */
  #assertFresh(): void {
    if (this.#isStale()) throw invalidError('unconfirmed');
  }

  /** True while a revocation may be unknown, because the last contact is too long ago. */
  readonly #isStale = (nowMs = this.#clock.monotonicMs()): boolean => {
    if (nowMs <= this.#freshUntilMs) return false;
    // Without a further contact it is too long ago at that time, and not before.
    this.#freshUntilMs = nowMs + this.#options.authStaleMs - this.#metadata.staleMs;
    return nowMs > this.#freshUntilMs;
  };
}

function credentialMissing(): ProtocolError {
  return new ProtocolError(
    'SASL_AUTHENTICATION_FAILED',
    'A credential is needed: send "Authorization: Bearer <API key or token>".',
  );
}

function isBootstrap({ kind }: Credential): boolean {
  return kind === 'bootstrap-key';
}

/** Two keys with the same id are two secrets of one key, while it is rotated. */
function bootstrapKeysOf(keys: readonly PresentedKey[]): ReadonlyMap<string, ApiKey> {
  const byId = new Map<string, ApiKey>();
  for (const { id, secret } of keys) {
    const before = byId.get(id)?.secrets ?? [];
    const secrets = [...before, { hash: hashSecret(secret), expiresAtMs: null }];
    const key = { id, name: 'bootstrap', groups: [], createdAtMs: 0, expiresAtMs: null, secrets };
    byId.set(id, key);
  }
  return byId;
}

function earlier(left: number | null, right: number | null): number | null {
  if (left === null || right === null) return left ?? right;
  return Math.min(left, right);
}
