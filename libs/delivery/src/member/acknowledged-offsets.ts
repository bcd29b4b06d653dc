import { type Offset, ProtocolError } from '#protocol';
import { type Random, RetryBackoff, type Scheduler } from '#runtime';
import type { OwnedPartition } from './owned-partitions.js';

export interface AcknowledgedOffsetsParts {
  /** Commits all or none. */
  readonly commit: (offsets: ReadonlyMap<OwnedPartition, Offset>) => Promise<void>;
  /** Reports that the progress of a partition cannot be committed. */
  readonly onRefused: (owned: OwnedPartition, error: unknown) => void;
  readonly scheduler: Scheduler;
  readonly random: Random;
}

/**
 * The acknowledged offsets of a member that are not committed. One commit is under way at a time;
 * later acknowledgements wait for it and are committed together.
 *
 * Overlap: all calls may come while a commit is under way.
 */
export class AcknowledgedOffsets {
  readonly #parts: AcknowledgedOffsetsParts;
  readonly #backoff: RetryBackoff;
  #pending = new Map<OwnedPartition, Offset>();
  #isCommitting = false;
  #isClosed = false;
  #onSettled: (() => void)[] = [];

  constructor(parts: AcknowledgedOffsetsParts) {
    this.#parts = parts;
    this.#backoff = new RetryBackoff(parts.random);
  }

  add(owned: OwnedPartition, offset: Offset): void {
    if (this.#isClosed || !owned.isOwned) return;
    this.#pending.set(owned, offset);
    if (!this.#isCommitting) void this.#commitPending();
  }

  /** Resolves when everything acknowledged before is committed, or never will be. */
  async settled(): Promise<void> {
    if (!this.#isCommitting) return;
    await new Promise<void>((resolve) => this.#onSettled.push(resolve));
  }

  /** Ends the commits; the one under way may still be applied. */
  close(): void {
    this.#isClosed = true;
    this.#pending.clear();
  }

  /** Never rejects. */
  async #commitPending(): Promise<void> {
    this.#isCommitting = true;
    while (this.#pending.size > 0) {
      const taken = stillOwned(this.#pending);
      const waiting = this.#onSettled.splice(0);
      this.#pending = new Map();
      // Those who wait do not wait for later acknowledgements, which may never stop.
      if (await this.#commit(taken)) for (const resolve of waiting) resolve();
      else this.#onSettled.unshift(...waiting);
    }
    this.#isCommitting = false;
    for (const resolve of this.#onSettled.splice(0)) resolve();
  }

  /** @returns false when some of the offsets must be committed again */
  async #commit(offsets: ReadonlyMap<OwnedPartition, Offset>): Promise<boolean> {
    if (offsets.size === 0) return true;
    try {
      await this.#parts.commit(offsets);
      this.#backoff.reset();
      return true;
    } catch (error) {
      if (this.#isClosed) return true;
      if (isTransient(error)) {
        await this.#putBack(offsets);
        return this.#isClosed;
      }
      if (offsets.size > 1) return this.#commitEach(offsets);
      this.#refused(offsets, error);
      return true;
    }
  }

  async #commitEach(offsets: ReadonlyMap<OwnedPartition, Offset>): Promise<boolean> {
    let isSettled = true;
    for (const [owned, offset] of offsets) {
      if (!(await this.#commit(new Map([[owned, offset]])))) isSettled = false;
    }
    return isSettled;
  }

  /** Waits, and commits again together with what was acknowledged meanwhile. */
  async #putBack(offsets: ReadonlyMap<OwnedPartition, Offset>): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#parts.scheduler.after(this.#backoff.nextDelayMs(), resolve);
    });
    if (this.#isClosed) return;
    this.#pending = new Map([...offsets, ...this.#pending]);
  }

  #refused(offsets: ReadonlyMap<OwnedPartition, Offset>, error: unknown): void {
    for (const owned of stillOwned(offsets).keys()) this.#parts.onRefused(owned, error);
  }
}

/** A partition that has moved since is not committed: its next owner does that. */
function stillOwned(offsets: ReadonlyMap<OwnedPartition, Offset>): Map<OwnedPartition, Offset> {
  return new Map([...offsets].filter(([owned]) => owned.isOwned));
}

/**
 * True for errors that end by themselves: no coordinator for the moment, or a change of the
 * assignment that the next heartbeat brings.
 */
function isTransient(error: unknown): boolean {
  if (!(error instanceof ProtocolError)) return true;
  return error.retriable || error.code === 'ILLEGAL_GENERATION';
}
