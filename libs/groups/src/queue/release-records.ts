import type { Offset } from '#protocol';
import { rangesOf } from './offset-ranges.js';
import type { ShareChange } from './share-change.js';
import type { ShareConfig, ShareContext } from './share-context.js';
import type { SharePartition } from './share-partition.js';
import type { WindowRecord } from './window-record.js';

/** The part of a context that releases depend on. */
type ReleaseContext = Pick<ShareContext, 'nowMs' | 'config'>;

/** Records that return to the queue in the same way. */
interface ReleasedRecords {
  readonly isCounted: boolean;
  /** Time until their next delivery, ms; 0 for at once. */
  readonly delayMs: number;
  readonly offsets: Offset[];
}

/**
 * Collects what happens to records that return to the queue or get no further delivery, and turns
 * it into few changes: records with the same fate share one.
 */
export class Releases {
  readonly #released = new Map<string, ReleasedRecords>();
  readonly #condemned = new Map<string, Offset[]>();
  readonly #archived: Offset[] = [];

  constructor(readonly context: ReleaseContext) {}

  /**
   * A delivery failed: the record returns to the queue; after its last delivery it does not.
   * @param delayMs time until the next delivery; undefined for the back-off
   * @param reason text of the member, for the dead letter
   */
  fail(record: WindowRecord, delayMs?: number, reason?: string): void {
    const { config } = this.context;
    if (record.deliveryCount >= config.deliveryCountLimit) {
      const times = record.deliveryCount === 1 ? 'once' : `${record.deliveryCount} times`;
      const sentence = `The record was delivered ${times}.`;
      this.giveUp(record, reason === undefined ? sentence : `${sentence} ${reason}`);
      return;
    }
    const waitMs = delayMs ?? retryBackoffMs(record.deliveryCount, config);
    this.#release(record.offset, true, waitMs);
  }

  /** The record returns to the queue as if it had not been delivered. */
  giveBack(record: WindowRecord): void {
    this.#release(record.offset, false, 0);
  }

  /** The record is not delivered again; with a dead-letter topic it is copied there first. */
  giveUp(record: WindowRecord, reason: string): void {
    if (!this.context.config.hasDeadLetters) {
      this.#archived.push(record.offset);
      return;
    }
    const offsets = this.#condemned.get(reason) ?? [];
    this.#condemned.set(reason, offsets);
    offsets.push(record.offset);
  }

  changes(): ShareChange[] {
    const changes: ShareChange[] = [];
    const { nowMs } = this.context;
    for (const { isCounted, delayMs, offsets } of this.#released.values()) {
      const delay = delayMs === 0 ? { notBeforeMs: 0 } : { notBeforeMs: nowMs + delayMs, delayMs };
      changes.push({ kind: 'released', isCounted, ...delay, ranges: rangesOf(offsets) });
    }
    for (const [reason, offsets] of this.#condemned) {
      changes.push({ kind: 'condemned', reason, ranges: rangesOf(offsets) });
    }
    if (this.#archived.length > 0) {
      changes.push({ kind: 'archived', ranges: rangesOf(this.#archived) });
    }
    return changes;
  }

  #release(offset: Offset, isCounted: boolean, delayMs: number): void {
    const fate = `${isCounted} ${delayMs}`;
    const released = this.#released.get(fate) ?? { isCounted, delayMs, offsets: [] };
    this.#released.set(fate, released);
    released.offsets.push(offset);
  }
}

/** Releases records whose locks are over: their deliveries count. */
export function releaseExpired(state: SharePartition, context: ShareContext): ShareChange[] {
  const releases = new Releases(context);
  for (const record of state.window.records) {
    const { delivery } = record;
    if (delivery !== undefined && delivery.lockUntilMs <= context.monotonicMs) {
      releases.fail(record);
    }
  }
  return releases.changes();
}

/**
 * Releases the records of a member that is gone.
 * @param isCounted true when its session or connection broke: a record may be the reason
 */
export function releaseMember(
  state: SharePartition,
  member: string,
  isCounted: boolean,
  context: ReleaseContext,
): ShareChange[] {
  if (!state.acquired.has(member)) return [];
  const releases = new Releases(context);
  for (const record of state.window.records) {
    if (record.delivery?.member !== member) continue;
    if (isCounted) releases.fail(record);
    else releases.giveBack(record);
  }
  return releases.changes();
}

/**
 * Time by the monotonic clock at which something happens without a command: the first lock ends, or
 * the first delay of a redelivery that is not over; infinite for never.
 */
export function nextTimeMs({ window }: SharePartition, monotonicMs: number): number {
  let nextMs = Number.POSITIVE_INFINITY;
  for (const record of window.records) {
    const { delivery, retry } = record;
    if (delivery !== undefined) nextMs = Math.min(nextMs, delivery.lockUntilMs);
    if (retry !== undefined && record.isRetriedLater(monotonicMs)) {
      nextMs = Math.min(nextMs, retry.readyAtMs);
    }
  }
  return nextMs;
}

/** Delay of a redelivery: doubles with each counted delivery, up to a maximum. */
function retryBackoffMs(deliveries: number, config: ShareConfig): number {
  return Math.min(config.retryBackoffMs * 2 ** (deliveries - 1), config.retryBackoffMaxMs);
}
