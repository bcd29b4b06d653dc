import type { Acl, AclFilter, AclOperation, Resource, ResourceType } from '../acl/acl.js';
import type { ApiKey, Quota, SecurityChange } from './security-change.js';

/**
 * Reads of the newest security metadata that this broker knows. All are from memory. The object
 * stays the same; its answers change with every commit.
 */
export interface SecurityView {
  /**
   * Number of changes of this view since the start of this broker: a verdict is right until the
   * number is another one.
   */
  readonly version: number;
  /** Returns the key, unless it is unknown, revoked or expired. */
  key(id: string): ApiKey | undefined;
  /** Returns the key, expired or not, unless it is unknown or revoked. */
  knownKey(id: string): ApiKey | undefined;
  /** Keys that are not revoked, expired or not. */
  keys(): Iterable<ApiKey>;
  readonly keyCount: number;
  readonly aclCount: number;
  readonly quotaCount: number;
  /** True if the subject of a revocation (`key:<id>`, `secret:<hash>`) is revoked. */
  isRevoked(subject: string): boolean;
  /** Rules that the filter selects. */
  acls(filter: AclFilter): Iterable<Acl>;
  /** The same, with `undefined` for each other rule, so that a long list can be made in slices. */
  examineAcls(filter: AclFilter): Iterable<Acl | undefined>;
  /**
   * Decides by the rules alone: deny before allow, implied operations, `*`, prefixes.
   * @param principals the principal and its groups
   */
  isAllowed(principals: readonly string[], operation: AclOperation, resource: Resource): boolean;
  /** True if the rules allow the operation on at least one possible name of the type. */
  isAllowedOnAny(
    principals: readonly string[],
    operation: AclOperation,
    type: ResourceType,
  ): boolean;
  /** True if the rules allow the operation on every possible name of the type. */
  isAllowedOnAll(
    principals: readonly string[],
    operation: AclOperation,
    type: ResourceType,
  ): boolean;
  /** The quota of a principal, of `default` otherwise; undefined for none. */
  quotaOf(principal: string): Quota | undefined;
  quotas(): Iterable<readonly [principal: string, quota: Quota]>;
}

/** The outcome of a revocation. */
export interface RevocationResult {
  /** Ids of the brokers that obey it. */
  readonly appliedBy: readonly number[];
  /** Ids of the brokers that did not answer; they obey it once they are connected again. */
  readonly missing: readonly number[];
}

/** Amounts of what is kept. */
export interface SecurityStatus {
  readonly keys: number;
  readonly acls: number;
  readonly quotas: number;
  readonly revocations: number;
  /** Bytes of the journal of keys, rules and quotas on the disk of this broker. */
  readonly journalBytes: number;
  /** Reads that found something in Redis without the signature of a broker; 0 without Redis. */
  readonly forgeries: number;
}

/** Keys, rules and quotas of the cluster: a line of metadata of its own, durable on each broker. */
export interface SecurityMetadata {
  readonly view: SecurityView;
  /** Time since this broker last had contact to the store or to a majority, in ms. */
  readonly staleMs: number;
  /** True while keys, rules and quotas can be changed, as far as this broker knows. */
  readonly isAvailable: boolean;

  /**
   * Changes the metadata. `decide` gets the newest view; it is called again when another commit
   * comes first. Resolves once the change is durable and `view` has it.
   * @throws the error of `decide`; ProtocolError BROKER_NOT_AVAILABLE while the store is away
   */
  update(decide: (view: SecurityView) => readonly SecurityChange[]): Promise<void>;

  /**
   * Revokes for ever, also while the store is away: durable on this broker first, then sent to all
   * brokers that can be reached.
   */
  revoke(
    subjects: readonly { subject: string; keptUntilMs: number | null }[],
  ): Promise<RevocationResult>;

  /**
   * Calls the listener after each change of the view.
   * @returns a function that removes the listener
   */
  onChange(listener: SecurityListener): () => void;

  status(): SecurityStatus;

  /** Resolves when the work in progress has ended. */
  close(): Promise<void>;
}

/**
 * Gets the changes of one commit or revocation; `reloaded` when the whole metadata was read again,
 * so that anything may have changed.
 */
export type SecurityListener = (changes: readonly SecurityChange[] | 'reloaded') => void;
