import type { Clock } from '#runtime';
import type { Acl, AclFilter, AclOperation, Resource, ResourceType } from '../acl/acl.js';
import { AclIndex } from '../acl/acl-index.js';
import type { ApiKey, Quota, SecurityChange } from './security-change.js';
import type { SecurityView } from './security-metadata.js';

/** The quota of principals that have none of their own. */
const DEFAULT_QUOTA = 'default';
/** Number of rules, keys or quotas in one change of a snapshot. */
const PER_SNAPSHOT_CHANGE = 1000;

/** The revocations that a state obeys. */
export interface RevokedSubjects {
  has(subject: string): boolean;
}

/**
 * Keys, rules and quotas in memory, as all commits so far made them. Revocations are a set of their
 * own (revocations.ts): the state drops what they name, and never shows it again.
 *
 * Changes are applied in place. It has no asynchronous methods.
 */
export class SecurityState implements SecurityView {
  readonly #clock: Clock;
  readonly #revoked: RevokedSubjects;
  #keys = new Map<string, ApiKey>();
  #quotas = new Map<string, Quota>();
  #acls = new AclIndex();
  #version = 0;

  constructor(clock: Clock, revoked: RevokedSubjects) {
    this.#clock = clock;
    this.#revoked = revoked;
  }

  get version(): number {
    return this.#version;
  }

  get keyCount(): number {
    return this.#keys.size;
  }

  get aclCount(): number {
    return this.#acls.size;
  }

  get quotaCount(): number {
    return this.#quotas.size;
  }

  knownKey(id: string): ApiKey | undefined {
    return this.#keys.get(id);
  }

  key(id: string): ApiKey | undefined {
    const key = this.#keys.get(id);
    const isExpired = key?.expiresAtMs != null && key.expiresAtMs <= this.#clock.nowMs();
    return isExpired ? undefined : key;
  }

  keys(): Iterable<ApiKey> {
    return this.#keys.values();
  }

  isRevoked(subject: string): boolean {
    return this.#revoked.has(subject);
  }

  acls(filter: AclFilter): Iterable<Acl> {
    return this.#acls.select(filter);
  }

  examineAcls(filter: AclFilter): Iterable<Acl | undefined> {
    return this.#acls.examine(filter);
  }

  /** True when there is exactly this rule. */
  hasAcl(acl: Acl): boolean {
    return this.#acls.has(acl);
  }

  isAllowed(principals: readonly string[], operation: AclOperation, resource: Resource): boolean {
    return this.#acls.isAllowed(principals, operation, resource);
  }

  isAllowedOnAny(
    principals: readonly string[],
    operation: AclOperation,
    type: ResourceType,
  ): boolean {
    return this.#acls.isAllowedOnAny(principals, operation, type);
  }

  isAllowedOnAll(
    principals: readonly string[],
    operation: AclOperation,
    type: ResourceType,
  ): boolean {
    return this.#acls.isAllowedOnAll(principals, operation, type);
  }

  quotaOf(principal: string): Quota | undefined {
    // This is asked for every request and every frame, and most clusters have no quotas.
    if (this.#quotas.size === 0) return undefined;
    return this.#quotas.get(principal) ?? this.#quotas.get(DEFAULT_QUOTA);
  }

  /** The quota under exactly this name, which may be `default`. */
  ownQuotaOf(principal: string): Quota | undefined {
    return this.#quotas.get(principal);
  }

  quotas(): Iterable<readonly [principal: string, quota: Quota]> {
    return this.#quotas;
  }

  apply(changes: readonly SecurityChange[]): void {
    this.#version += 1;
    for (const change of changes) this.#apply(change);
  }

  /** Takes over the content of another state, which is not used again. */
  become(other: SecurityState): void {
    this.#keys = other.#keys;
    this.#quotas = other.#quotas;
    this.#acls = other.#acls;
    // Revocations may have come after the other state got a key.
    for (const key of this.#keys.values()) {
      const left = this.#withoutRevoked(key);
      if (left === undefined) this.#keys.delete(key.id);
      else if (left !== key) this.#keys.set(key.id, left);
    }
    this.#version += 1;
  }

  /** Changes that make this state from an empty one, in groups of bounded size. */
  *snapshot(): Generator<readonly SecurityChange[]> {
    const keys = map(this.#keys.values(), (key): SecurityChange => ({ kind: 'key', key }));
    yield* grouped(keys);
    const quotas = map(
      this.#quotas,
      ([principal, quota]): SecurityChange => ({ kind: 'quota', principal, quota }),
    );
    yield* grouped(quotas);
    for (const acls of grouped(this.#acls.select({}))) yield [{ kind: 'acls-added', acls }];
  }

  #apply(change: SecurityChange): void {
    switch (change.kind) {
      case 'key': {
        const key = this.#withoutRevoked(change.key);
        if (key !== undefined) this.#keys.set(key.id, key);
        break;
      }
      case 'key-removed':
        this.#keys.delete(change.id);
        break;
      case 'revoked':
        this.#drop(change.revocation.subject);
        break;
      case 'acls-added':
        for (const acl of change.acls) this.#acls.add(acl);
        break;
      case 'acls-removed':
        for (const acl of change.acls) this.#acls.remove(acl);
        break;
      case 'quota':
        if (change.quota === null) this.#quotas.delete(change.principal);
        else this.#quotas.set(change.principal, change.quota);
        break;
    }
  }

  #drop(subject: string): void {
    if (subject.startsWith('key:')) this.#keys.delete(subject.slice('key:'.length));
    if (!subject.startsWith('secret:')) return;
    for (const key of this.#keys.values()) {
      if (!key.secrets.some(({ hash }) => `secret:${hash}` === subject)) continue;
      this.#keys.set(key.id, this.#withoutRevoked(key) ?? key);
    }
  }

  /** The key without its revoked secrets; undefined when it is revoked as a whole. */
  #withoutRevoked(key: ApiKey): ApiKey | undefined {
    if (this.#revoked.has(`key:${key.id}`)) return undefined;
    const secrets = key.secrets.filter(({ hash }) => !this.#revoked.has(`secret:${hash}`));
    return secrets.length === key.secrets.length ? key : { ...key, secrets };
  }
}

function* map<T, U>(values: Iterable<T>, change: (value: T) => U): Generator<U> {
  for (const value of values) yield change(value);
}

function* grouped<T>(values: Iterable<T>): Generator<readonly T[]> {
  let group: T[] = [];
  for (const value of values) {
    group.push(value);
    if (group.length < PER_SNAPSHOT_CHANGE) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}
