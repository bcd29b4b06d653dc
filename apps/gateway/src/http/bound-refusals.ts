import type { ProtocolError } from '#protocol';

/** Counts what is refused because it exceeds a bound, by the setting that says the bound. */
class BoundRefusals {
  readonly #totals = new Map<string, number>();

  /** Refusals by setting since the start of the process. */
  get totals(): ReadonlyMap<string, number> {
    return this.#totals;
  }

  /** Counts the error when it says that a bound is exceeded. */
  count({ bound }: ProtocolError): void {
    if (bound === undefined) return;
    this.#totals.set(bound, (this.#totals.get(bound) ?? 0) + 1);
  }
}

/** The counts of this process: every error passes `toProtocolError` on its way to a client. */
export const boundRefusals = new BoundRefusals();
