import type { Scheduler, Timer } from '#runtime';
import type { Access, Caller } from '../caller.js';
import type { SecurityChange } from '../metadata/security-change.js';
import type { SecurityMetadata } from '../metadata/security-metadata.js';

/** Pause between checks for expired credentials and withdrawn keys of issuers, ms. */
const VALIDITY_CHECK_MS = 500;

/** Something that a caller has opened and that goes on: a connection, a stream, a long poll. */
export interface OpenUse {
  /** Undefined while the caller is not known. */
  readonly access: Access | undefined;
  /** Called when the credential is no longer valid, or when rules of the caller have changed. */
  recheck(): void;
}

/**
 * The uses that callers have opened, so that each ends within a second when its credential or its
 * permission does. A change of rules rechecks only the uses of the principals that it is about.
 *
 * Overlap: everything is synchronous.
 */
export class OpenUses {
  readonly #uses = new Set<OpenUse>();
  readonly #scheduler: Scheduler;
  readonly #endListening: () => void;
  #timer: Timer | undefined;

  constructor(metadata: Pick<SecurityMetadata, 'onChange'>, scheduler: Scheduler) {
    this.#scheduler = scheduler;
    this.#endListening = metadata.onChange((changes) => {
      this.#changed(changes);
    });
  }

  get count(): number {
    return this.#uses.size;
  }

  /** @returns a function to call when the use has ended */
  add(use: OpenUse): () => void {
    this.#uses.add(use);
    this.#timer ??= this.#scheduler.after(VALIDITY_CHECK_MS, this.#checkValidity);
    return () => {
      this.#uses.delete(use);
    };
  }

  /** Rechecks what was opened with this access. */
  recheck(access: Access): void {
    for (const use of this.#uses) if (use.access === access) use.recheck();
  }

  close(): void {
    this.#endListening();
    this.#uses.clear();
    this.#timer?.cancel();
  }

  #changed(changes: readonly SecurityChange[] | 'reloaded'): void {
    const principals = changes === 'reloaded' ? undefined : principalsOf(changes);
    for (const use of this.#uses) {
      const caller = use.access?.caller;
      if (caller === undefined) continue;
      if (principals === undefined || isAbout(principals, caller)) use.recheck();
    }
  }

  readonly #checkValidity = (): void => {
    this.#timer = undefined;
    for (const use of this.#uses) if (use.access?.invalidity() !== undefined) use.recheck();
    if (this.#uses.size > 0) {
      this.#timer = this.#scheduler.after(VALIDITY_CHECK_MS, this.#checkValidity);
    }
  };
}

/** Returns the principals that changes are about; undefined for any. */
export function principalsOf(changes: readonly SecurityChange[]): ReadonlySet<string> | undefined {
  const principals = new Set<string>();
  for (const change of changes) {
    if (change.kind === 'key') principals.add(`key:${change.key.id}`);
    else if (change.kind === 'revoked') {
      // The subject of a secret does not say whose it is.
      if (!change.revocation.subject.startsWith('key:')) return undefined;
      principals.add(change.revocation.subject);
    } else if ('acls' in change) {
      for (const { principal } of change.acls) principals.add(principal);
    }
  }
  return principals;
}

/** True if one of the principals is the caller, one of its groups, or all of their kind. */
export function isAbout(
  principals: ReadonlySet<string>,
  { principal, groups }: Pick<Caller, 'principal' | 'groups'>,
): boolean {
  return [principal, ...groups].some(
    (each) => principals.has(each) || principals.has(`${each.slice(0, each.indexOf(':'))}:*`),
  );
}
