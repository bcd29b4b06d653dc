import type { ProtocolError } from '#protocol';

/** Counts refusals because of an exceeded bound, by the setting of the bound. */
class BoundRefusals {
  readonly #totals = new Map<string, number>();

  /** Refusals by setting since the start of the process. */
  get totals(): ReadonlyMap<string, number> {
    return this.#totals;
  }

  /** Counts the error if it reports an exceeded bound. */
  count({ bound }: ProtocolError): void {
    if (bound === undefined) return;
    this.#totals.set(bound, (this.#totals.get(bound) ?? 0) + 1);
  }
}

/** Counts of this process: every error passes `toProtocolError` before it reaches a client. */
export const boundRefusals = new BoundRefusals();
