import type { Acl } from '../acl/acl.js';

/** One secret of an API key. */
export interface KeySecret {
  /** SHA-256 of the secret, in hexadecimal. */
  readonly hash: string;
  /** End of the overlap after a rotation, in ms since the epoch; null for the newest secret. */
  readonly expiresAtMs: number | null;
}

/** An API key. Its id is never used again after the key is deleted. */
export interface ApiKey {
  readonly id: string;
  readonly name: string;
  /** The groups of the principal as `group:<name>`. */
  readonly groups: readonly string[];
  readonly createdAtMs: number;
  readonly expiresAtMs: number | null;
  /** The newest secret, and the one before it while they overlap. */
  readonly secrets: readonly KeySecret[];
}

/** Limits of one principal on each broker, with the names of Kafka; absent for no limit. */
export interface Quota {
  /** Bytes of records that may be produced per second. */
  readonly producer_byte_rate?: number;
  /** Bytes of records that may be read per second. */
  readonly consumer_byte_rate?: number;
  /** Requests and messages per second. */
  readonly request_rate?: number;
  /** Open connections. */
  readonly connections?: number;
}

/**
 * Something that is never valid again. Revocations are a set that only grows, until
 * `keptUntilMs`.
 */
export interface Revocation {
  /** `key:<id>` for a whole key, `secret:<hash>` for one secret of a key. */
  readonly subject: string;
  /** The expiry of what is revoked, in ms since the epoch; null if it has none. */
  readonly keptUntilMs: number | null;
}

/** One change of the security metadata. */
export type SecurityChange =
  /** Adds or replaces a key; without effect when the id was revoked. */
  | { readonly kind: 'key'; readonly key: ApiKey }
  /** Removes a key that expired long ago, so that nothing has to remember it. */
  | { readonly kind: 'key-removed'; readonly id: string }
  /** Removes the key, or the secret of a key, for ever. */
  | { readonly kind: 'revoked'; readonly revocation: Revocation }
  | { readonly kind: 'acls-added'; readonly acls: readonly Acl[] }
  | { readonly kind: 'acls-removed'; readonly acls: readonly Acl[] }
  /** `principal` is a principal or `default`; a null quota removes it. */
  | { readonly kind: 'quota'; readonly principal: string; readonly quota: Quota | null };
