import type { AclOperation } from '../acl/acl.js';

/** Counts the uses that were refused for lack of a permission, by the missing operation. */
export class Denials {
  readonly #totals = new Map<AclOperation, number>();

  /** Refusals since the start; an operation that was never refused is absent. */
  get totals(): ReadonlyMap<AclOperation, number> {
    return this.#totals;
  }

  count(operation: AclOperation): void {
    this.#totals.set(operation, (this.#totals.get(operation) ?? 0) + 1);
  }
}
