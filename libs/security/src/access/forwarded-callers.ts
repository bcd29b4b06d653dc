import { ProtocolError } from '#protocol';
import { type Clock, RecentMap, type Scheduler } from '#runtime';
import type { AclOperation, Resource } from '../acl/acl.js';
import type { Access, Caller } from '../caller.js';
import type { SecurityMetadata, SecurityView } from '../metadata/security-metadata.js';
import { invalidError } from './credential-errors.js';
import { RuleAccess } from './rule-access.js';

/** Callers whose verdicts are remembered. */
const REMEMBERED_MAX = 10_000;
/**
 * Time for which a refusal waits for newer rules, ms. The other broker may know a key or a rule
 * before this one, which reads them four times a second.
 */
const NEWER_RULES_WAIT_MS = 500;
/**
 * Time for which further refusals of a caller do not wait, ms: requests of other callers may be
 * behind them.
 */
const REFUSED_MS = 1000;

/** A permission that a forwarded request needs. */
export interface Need {
  readonly operation: AclOperation;
  readonly resource: Resource;
}

/** The parts that decide about forwarded requests. */
export interface ForwardedCallersParts {
  readonly metadata: Pick<SecurityMetadata, 'view' | 'onChange'>;
  /** Principals that the rules do not bind. */
  readonly superUsers: readonly string[];
  readonly clock: Clock;
  readonly scheduler: Scheduler;
}

/**
 * The callers of requests that other brokers forward to this one. The other broker has identified
 * the caller and permitted the request by the rules that it knows; this broker decides again, by
 * the rules, revocations and super users that it knows itself.
 *
 * Overlap: calls may overlap; they change only what is remembered.
 */
export class ForwardedCallers {
  readonly #parts: ForwardedCallersParts;
  readonly #superUsers: ReadonlySet<string>;
  readonly #accesses = new RecentMap<Access>(REMEMBERED_MAX);
  /** Monotonic time of the last refusal of each caller, ms. */
  readonly #refusedMs = new RecentMap<number>(REMEMBERED_MAX);

  constructor(parts: ForwardedCallersParts) {
    this.#parts = parts;
    this.#superUsers = new Set(parts.superUsers);
  }

  /**
   * Checks the credential of a caller and all needs of a request. A refusal that newer rules may
   * lift waits for them for half a second.
   * @returns the permissions of the caller, by which the handler decides the rest
   * @throws ProtocolError SASL_AUTHENTICATION_FAILED for a credential that is expired or revoked;
   *   TOPIC_AUTHORIZATION_FAILED, GROUP_AUTHORIZATION_FAILED, CLUSTER_AUTHORIZATION_FAILED
   */
  assertMay(caller: Caller, needs: readonly Need[]): Access | Promise<Access> {
    const access = this.#accessOf(caller);
    const refusal = refusalOf(access, needs);
    if (refusal === undefined) return access;
    return this.#whenRulesChange(caller, needs, refusal);
  }

  async #whenRulesChange(
    caller: Caller,
    needs: readonly Need[],
    refusal: ProtocolError,
  ): Promise<Access> {
    const { clock } = this.#parts;
    const deadlineMs = clock.monotonicMs() + NEWER_RULES_WAIT_MS;
    let latest = refusal;
    while (!this.#isFinal(caller)) {
      const leftMs = deadlineMs - clock.monotonicMs();
      if (leftMs <= 0) break;
      await this.#changeOrDelay(leftMs);
      // A key that was not known counts as revoked for as long as its access exists.
      this.#accesses.delete(keyOf(caller));
      const access = this.#accessOf(caller);
      const refused = refusalOf(access, needs);
      if (refused === undefined) return access;
      latest = refused;
    }
    this.#refusedMs.set(keyOf(caller), clock.monotonicMs());
    throw latest;
  }

  /** True if no later rule makes the credential valid, or the caller has waited for one lately. */
  #isFinal(caller: Caller): boolean {
    const refusedMs = this.#refusedMs.get(keyOf(caller)) ?? Number.NEGATIVE_INFINITY;
    if (this.#parts.clock.monotonicMs() - refusedMs < REFUSED_MS) return true;
    const isExpired =
      caller.expiresAtMs !== null && caller.expiresAtMs <= this.#parts.clock.nowMs();
    return isExpired || wasRevoked(caller, this.#parts.metadata.view);
  }

  #changeOrDelay(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        endListening();
        resolve();
      };
      const timer = this.#parts.scheduler.after(delayMs, end);
      const endListening = this.#parts.metadata.onChange(end);
    });
  }

  #accessOf(caller: Caller): Access {
    const key = keyOf(caller);
    const known = this.#accesses.get(key);
    if (known !== undefined) return known;
    const { metadata, clock } = this.#parts;
    const isSuperUser = caller.isSuperUser && this.#isSuperUserHere(caller);
    const access = new RuleAccess({ ...caller, isSuperUser }, metadata.view, clock);
    this.#accesses.set(key, access);
    return access;
  }

  /** Bootstrap keys may differ between brokers while one is replaced: their broker is believed. */
  #isSuperUserHere({ principal, credential }: Caller): boolean {
    return credential.kind === 'bootstrap-key' || this.#superUsers.has(principal);
  }
}

function keyOf(caller: Caller): string {
  return JSON.stringify(caller);
}

function refusalOf(access: Access, needs: readonly Need[]): ProtocolError | undefined {
  const invalidity = access.invalidity();
  if (invalidity !== undefined) return invalidError(invalidity);
  const missing = needs.find(({ operation, resource }) => !access.may(operation, resource));
  if (missing === undefined) return undefined;
  try {
    access.assertMay(missing.operation, missing.resource);
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
  return undefined;
}

function wasRevoked({ credential }: Caller, view: SecurityView): boolean {
  if (credential.kind !== 'key') return false;
  const { id, secretHash } = credential;
  return view.isRevoked(`key:${id}`) || view.isRevoked(`secret:${secretHash}`);
}
