/** The position of an acknowledged record. */
export interface Place {
  readonly partition: number;
  readonly offset: number;
}

/** A record as a reader sees it. */
export interface SeenRecord extends Place {
  readonly value: string;
}

/** `sent`: not answered, or answered that it is not known: it may be in the log, once. */
type Fate = 'sent' | 'failed' | Place;

/**
 * The answers that the clients of a load got, to be compared with the log at the end. Every record
 * has a value of its own.
 */
export class Ledger {
  readonly #fates = new Map<string, Fate>();
  readonly #seen = new Map<string, SeenRecord>();
  #acknowledgedCount = 0;
  #waiter: { readonly count: number; readonly resolve: () => void } | undefined;
  /** The highest offset of the group that was sent, and that was acknowledged. */
  committedSent = 0;
  committedAcknowledged = 0;

  /** The answers so far. */
  copy(): Ledger {
    const copy = new Ledger();
    for (const [value, fate] of this.#fates) copy.#fates.set(value, fate);
    for (const [place, record] of this.#seen) copy.#seen.set(place, record);
    copy.committedSent = this.committedSent;
    copy.committedAcknowledged = this.committedAcknowledged;
    return copy;
  }

  sent(value: string): void {
    this.#fates.set(value, 'sent');
  }

  failed(value: string): void {
    this.#fates.set(value, 'failed');
  }

  acknowledged(value: string, place: Place): void {
    this.#fates.set(value, place);
    this.#acknowledgedCount += 1;
    if (this.#waiter !== undefined && this.#acknowledgedCount >= this.#waiter.count) {
      this.#waiter.resolve();
      this.#waiter = undefined;
    }
  }

  /** A reader was shown this. */
  seen(record: SeenRecord): void {
    this.#seen.set(`${record.partition}@${record.offset}`, record);
  }

  /** Resolves when so many more records are acknowledged. */
  more(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiter = { count: this.#acknowledgedCount + count, resolve };
    });
  }

  get counts(): { acknowledged: number; sent: number; seen: number } {
    return {
      acknowledged: this.#acknowledgedCount,
      sent: this.#fates.size,
      seen: this.#seen.size,
    };
  }

  /**
   * Records that the log must not have, and records that it lacks; none when the log is right.
   * @param log all records of all partitions, in the order of their offsets
   */
  contradictions(log: readonly SeenRecord[]): string[] {
    const found: string[] = [];
    const places = new Map<string, Place>();
    const nextOffsets = new Map<number, number>();
    for (const { partition, offset, value } of log) {
      const place = `${value} at ${partition}@${offset}`;
      const expected = nextOffsets.get(partition) ?? 0;
      if (offset !== expected) found.push(`${place}: the offset before is ${expected - 1}`);
      nextOffsets.set(partition, offset + 1);
      if (places.has(value)) found.push(`${place}: is in the log twice`);
      places.set(value, { partition, offset });
      const fate = this.#fates.get(value);
      if (fate === undefined) found.push(`${place}: nobody sent it`);
      if (fate === 'failed') found.push(`${place}: its client was told that it failed`);
    }
    for (const [value, fate] of this.#fates) {
      if (typeof fate === 'string') continue;
      found.push(...moved(value, 'was acknowledged', fate, places.get(value)));
    }
    for (const record of this.#seen.values()) {
      found.push(...moved(record.value, 'was shown', record, places.get(record.value)));
    }
    return found;
  }
}

function moved(value: string, what: string, then: Place, now: Place | undefined): string[] {
  if (now?.partition === then.partition && now.offset === then.offset) return [];
  const at = now === undefined ? 'nowhere' : `at ${now.partition}@${now.offset}`;
  return [`${value} ${what} at ${then.partition}@${then.offset} and is ${at}`];
}
