import type { AclOperation, Resource, ResourceType } from './acl/acl.js';

/** The credential that a caller presented; its revocation ends what the caller opened with it. */
export type Credential =
  | { readonly kind: 'none' }
  /** An API key; `secretHash` (SHA-256, hexadecimal) distinguishes the secrets of a rotated key. */
  | { readonly kind: 'key'; readonly id: string; readonly secretHash: string }
  /** A key of SLUICE_BOOTSTRAP_API_KEY. */
  | { readonly kind: 'bootstrap-key'; readonly id: string }
  /** A JWT; `issuerKey` is the thumbprint (RFC 7638) of the issuer's key that signed it. */
  | { readonly kind: 'token'; readonly issuerKey?: string }
  /** A client certificate, by its SHA-256 fingerprint in hexadecimal. */
  | { readonly kind: 'certificate'; readonly fingerprint: string };

/** An authenticated caller. Immutable. */
export interface Caller {
  /** `user:<name>`, `key:<id>` or `cert:<distinguished name>`; `user:anonymous` without one. */
  readonly principal: string;
  /** The groups of the principal as `group:<name>`, at most 64. */
  readonly groups: readonly string[];
  readonly isSuperUser: boolean;
  readonly credential: Credential;
  /** Time at which the credential expires, in ms since the epoch; null if it does not. */
  readonly expiresAtMs: number | null;
}

/** The permissions of one caller, by the newest rules that this broker knows. */
export interface Access {
  readonly caller: Caller;

  /** True if the caller may use the resource in this way. */
  may(operation: AclOperation, resource: Resource): boolean;

  /** True if the caller may do this to at least one resource of the type, existing or not. */
  mayOnAny(operation: AclOperation, type: ResourceType): boolean;

  /** True if the caller may do this to every resource of the type, existing or not. */
  mayOnAll(operation: AclOperation, type: ResourceType): boolean;

  /**
   * @throws ProtocolError TOPIC_AUTHORIZATION_FAILED, GROUP_AUTHORIZATION_FAILED or
   *   CLUSTER_AUTHORIZATION_FAILED, the same whether the resource exists or not
   */
  assertMay(operation: AclOperation, resource: Resource): void;

  /**
   * The reason why the credential is no longer valid; undefined while it is. A caller whose
   * permissions changed is still valid.
   * @param nowMs the monotonic time, if it is known: reading the clock costs as much as the rest
   */
  invalidity(nowMs?: number): Invalidity | undefined;
}

/**
 * The reason why a credential is not valid. One that is `unconfirmed` may be again: this broker has
 * had no contact for too long, and cannot know whether the credential or its rules were revoked.
 */
export type Invalidity = 'expired' | 'revoked' | 'unconfirmed';

/** The access of a credential that something else than the rules may revoke. */
export interface RevocableAccess extends Access {
  /** Makes the credential invalid for ever. */
  revoke(): void;
}
