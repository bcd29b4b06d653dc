import { isInternalTopic, ProtocolError } from '#protocol';
import type { Clock } from '#runtime';
import type { AclOperation, Resource, ResourceType } from '../acl/acl.js';
import type { Caller, Invalidity, RevocableAccess } from '../caller.js';
import type { SecurityView } from '../metadata/security-metadata.js';
import type { Denials } from './denials.js';
import type { IssuerKeys } from './issuer-keys.js';
import { Verdicts } from './verdicts.js';

const CODES = {
  topic: 'TOPIC_AUTHORIZATION_FAILED',
  group: 'GROUP_AUTHORIZATION_FAILED',
  cluster: 'CLUSTER_AUTHORIZATION_FAILED',
  lock: 'CLUSTER_AUTHORIZATION_FAILED',
} as const;

/** Optional parts of the access of callers. */
interface AccessParts {
  /** Counts the refusals of `assertMay`. */
  readonly denials?: Denials | undefined;
  /** The keys of the issuer of tokens; undefined if no tokens are accepted. */
  readonly issuerKeys?: IssuerKeys | undefined;
  /** True while this broker cannot know what was revoked; undefined if that does not matter. */
  readonly isStale?: ((nowMs?: number) => boolean) | undefined;
}

/**
 * The access of one caller by the rules of the security metadata.
 *
 * Verdicts are remembered until the next commit of the metadata. Super users may do everything;
 * internal topics are for them alone.
 */
export class RuleAccess implements RevocableAccess {
  readonly caller: Caller;
  readonly #view: SecurityView;
  readonly #clock: Clock;
  readonly #issuerKeys: IssuerKeys | undefined;
  readonly #isStale: ((nowMs?: number) => boolean) | undefined;
  readonly #principals: readonly string[];
  /** Verdicts at `#version`. */
  readonly #verdicts = new Verdicts();
  /** Verdicts of `mayOnAny` at `#version`, by operation and type. */
  readonly #verdictsOnAny = new Map<string, boolean>();
  #version: number;
  /** Outcome of the last check of the credential, which holds at `#version`. */
  #isRevoked: boolean;
  readonly #denials: Denials | undefined;

  constructor(
    caller: Caller,
    view: SecurityView,
    clock: Clock,
    { denials, issuerKeys, isStale }: AccessParts = {},
  ) {
    this.caller = caller;
    this.#view = view;
    this.#clock = clock;
    this.#issuerKeys = issuerKeys;
    this.#isStale = isStale;
    this.#principals = [caller.principal, ...caller.groups];
    this.#version = view.version;
    this.#isRevoked = isRevoked(caller, view);
    this.#denials = denials;
  }

  may(operation: AclOperation, resource: Resource): boolean {
    if (this.caller.isSuperUser) return true;
    if (resource.type === 'topic' && isInternalTopic(resource.name)) return false;
    this.#followView();
    const { type, name } = resource;
    const known = this.#verdicts.get(operation, type, name);
    if (known !== undefined) return known;
    const verdict = this.#view.isAllowed(this.#principals, operation, resource);
    this.#verdicts.set(operation, type, name, verdict);
    return verdict;
  }

  mayOnAny(operation: AclOperation, type: ResourceType): boolean {
    if (this.caller.isSuperUser) return true;
    this.#followView();
    const key = `${operation} ${type}`;
    const known = this.#verdictsOnAny.get(key);
    if (known !== undefined) return known;
    const verdict = this.#view.isAllowedOnAny(this.#principals, operation, type);
    this.#verdictsOnAny.set(key, verdict);
    return verdict;
  }

  /** Not remembered: only subscriptions by a pattern ask for it. */
  mayOnAll(operation: AclOperation, type: ResourceType): boolean {
    if (this.caller.isSuperUser) return true;
    return this.#view.isAllowedOnAll(this.#principals, operation, type);
  }

  assertMay(operation: AclOperation, resource: Resource): void {
    if (this.may(operation, resource)) return;
    this.#denials?.count(operation);
    throw new ProtocolError(CODES[resource.type], sentence(operation, resource));
  }

  revoke(): void {
    this.#isRevoked = true;
  }

  invalidity(nowMs?: number): Invalidity | undefined {
    const { expiresAtMs } = this.caller;
    if (expiresAtMs !== null && this.#clock.nowMs() >= expiresAtMs) return 'expired';
    this.#followView();
    if (this.#isRevoked || this.#isKeyWithdrawn()) return 'revoked';
    return this.#isStale?.(nowMs) === true ? 'unconfirmed' : undefined;
  }

  /** True if the issuer has withdrawn the key of the caller's token. */
  #isKeyWithdrawn(): boolean {
    const { credential } = this.caller;
    if (credential.kind !== 'token' || credential.issuerKey === undefined) return false;
    return this.#issuerKeys?.isWithdrawn(credential.issuerKey) === true;
  }

  #followView(): void {
    const { version } = this.#view;
    if (version === this.#version) return;
    this.#version = version;
    this.#verdicts.clear();
    this.#verdictsOnAny.clear();
    this.#isRevoked ||= isRevoked(this.caller, this.#view);
  }
}

/** True if the caller's API key, or the secret that it presented, is no longer valid. */
function isRevoked({ credential }: Caller, view: SecurityView): boolean {
  if (credential.kind !== 'key') return false;
  const { id, secretHash } = credential;
  if (view.isRevoked(`key:${id}`) || view.isRevoked(`secret:${secretHash}`)) return true;
  const key = view.key(id);
  return key === undefined || key.secrets.every(({ hash }) => hash !== secretHash);
}

function sentence(operation: AclOperation, { type, name }: Resource): string {
  const on = type === 'cluster' ? 'the cluster' : `the ${type} ${JSON.stringify(name)}`;
  return `The caller needs the permission ${operation} on ${on}.`;
}
