/**
 * The events of a run, one JSON line per event in the order in which the test saw them: requests,
 * answers, records that readers got, faults, and the log at the end. `check-history.ts` checks it
 * against the invariants of docs/INVARIANTS.md.
 */
import { closeSync, mkdtempSync, openSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The position of a record. */
export interface Place {
  readonly partition: number;
  readonly offset: number;
}

/** A record as somebody was shown it. */
export interface ShownRecord extends Place {
  readonly value: string;
}

export type HistoryEvent =
  | { readonly event: 'start'; readonly topic: string; readonly partitions: number }
  /**
   * Written before the request is sent. Each value is sent once, or repeatedly until it is
   * answered.
   */
  | { readonly event: 'produce'; readonly client: string; readonly values: readonly string[] }
  | {
      readonly event: 'acknowledged';
      readonly client: string;
      readonly values: readonly string[];
      readonly places: readonly (Place | null)[];
    }
  /** `failed`: surely not written; `unknown`: may be in the log, once. */
  | {
      readonly event: 'refused';
      readonly client: string;
      readonly values: readonly string[];
      readonly outcome: string;
      readonly code: string;
    }
  | ({ readonly event: 'read'; readonly reader: string } & ShownRecord)
  /** A reader was told an error, or its connection ended. */
  | { readonly event: 'disturbed'; readonly reader: string; readonly code: string }
  | { readonly event: 'fault'; readonly what: string }
  /** The whole log in the end, as a broker shows it. */
  | ({ readonly event: 'final'; readonly broker: number } & ShownRecord)
  | { readonly event: 'end' };

export class History {
  readonly path: string;
  readonly #file: number;
  readonly #startMs = performance.now();
  #acknowledged = 0;
  #waiters: { readonly count: number; readonly resolve: () => void }[] = [];
  readonly #disturbances: { readonly reader: string; readonly code: string }[] = [];

  constructor(name: string) {
    this.path = join(mkdtempSync(join(tmpdir(), 'sluice-history-')), `${name}.jsonl`);
    this.#file = openSync(this.path, 'w');
  }

  add(event: HistoryEvent): void {
    const atMs = Math.round(performance.now() - this.#startMs);
    writeSync(this.#file, `${JSON.stringify({ atMs, ...event })}\n`);
    if (event.event === 'acknowledged') this.#wake(event.values.length);
    if (event.event === 'disturbed') this.#disturbances.push(event);
  }

  fault(what: string): void {
    this.add({ event: 'fault', what });
  }

  /** Records acknowledged so far. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Messages that readers got so far and that were not records. */
  get disturbances(): readonly { readonly reader: string; readonly code: string }[] {
    return this.#disturbances;
  }

  /** Resolves when so many more records are acknowledged. */
  more(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiters.push({ count: this.#acknowledged + count, resolve });
    });
  }

  close(): void {
    this.add({ event: 'end' });
    closeSync(this.#file);
  }

  #wake(count: number): void {
    this.#acknowledged += count;
    const due = this.#waiters.filter((waiter) => waiter.count <= this.#acknowledged);
    this.#waiters = this.#waiters.filter((waiter) => !due.includes(waiter));
    for (const { resolve } of due) resolve();
  }
}
