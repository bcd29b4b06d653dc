/**
 * Counts the bytes that clients were sent and have not taken: of WebSockets, event streams, streams
 * of lines and answers together. A bound per connection is no bound on their sum.
 *
 * - A connection that takes what it is sent is never counted: bytes are counted only once the
 *   system has not taken them at once.
 * - The more is in use, the less each connection may have: at most as much as is free (a dynamic
 *   threshold). So one slow client takes half of the memory at most, n of them leave 1 / (n + 1).
 * - Where nothing is free, connections with nothing pending wait, and answers are refused.
 *   Clients that have taken nothing for `outboundStalledMs` are then dropped until a quarter is
 *   free, or as much as a refused answer needs; slow ones that take something now and then are
 *   kept.
 *
 * Overlap: every method may be called at any time, also by a holder that is being dropped or woken.
 */
import { ProtocolError } from '#protocol';
import type { Scheduler, Timer } from '#runtime';

/** The settings that the memory reads. */
export interface OutboundMemoryOptions {
  readonly outboundMemoryBytes: number;
  readonly outboundStalledMs: number;
}

/** A connection, or one answer of it, with bytes that its client has not taken. */
export interface OutboundHolder {
  /** Bytes that the system has not taken at present. */
  readonly untakenBytes: number;
  /** Cuts the connection. The holder then counts itself down to 0. */
  dropStalled(): void;
}

/** A connection that has nothing pending and waits until others have taken what they were sent. */
export interface OutboundWaiter {
  roomAgain(): void;
}

/** Numbers for metrics. */
export interface OutboundStatus {
  readonly heldBytes: number;
  /** Connections that wait for others to take what they were sent. */
  readonly waiting: number;
  readonly refusedTotal: number;
  readonly droppedTotal: number;
}

interface Holding {
  bytes: number;
  /** At the last look; -1: it was not looked at since the memory became short. */
  untakenBytes: number;
  /** Looks in a row at which nothing had been taken. */
  silentLooks: number;
}

const RETRY_AFTER_MS = 1000;
const SETTING = 'SLUICE_OUTBOUND_MEMORY_BYTES';
/** A stalled client is found at most a quarter late. */
const LOOKS_PER_STALL = 4;
/** Waiters that go on in one turn of the event loop; each may fill what is free. */
const WOKEN_TOGETHER = 16;

export class OutboundMemory {
  readonly #options: OutboundMemoryOptions;
  readonly #scheduler: Scheduler;
  readonly #holdings = new Map<OutboundHolder, Holding>();
  /** In the order in which they came. */
  readonly #waiters = new Set<OutboundWaiter>();
  /** Bytes that outboxes have gathered in this turn of the event loop; the outboxes count them. */
  queuedBytes = 0;
  #heldBytes = 0;
  /** The largest answer that was refused since the last look. */
  #neededBytes = 0;
  #refusedTotal = 0;
  #refusedAtLastLook = 0;
  #droppedTotal = 0;
  #timer: Timer | undefined;
  #isWaking = false;

  constructor(options: OutboundMemoryOptions, scheduler: Scheduler) {
    this.#options = options;
    this.#scheduler = scheduler;
  }

  status(): OutboundStatus {
    return {
      heldBytes: this.#heldBytes,
      waiting: this.#waiters.size,
      refusedTotal: this.#refusedTotal,
      droppedTotal: this.#droppedTotal,
    };
  }

  /**
   * Whether a connection that has `pendingBytes` may be sent more. What was gathered in this turn
   * counts for those alone that are part of it: most clients take it at once, and all may have the
   * same frame. Hot.
   */
  hasRoomFor(pendingBytes: number): boolean {
    const freeBytes = this.#options.outboundMemoryBytes - this.#heldBytes;
    return pendingBytes === 0 ? freeBytes > 0 : pendingBytes < freeBytes - this.queuedBytes;
  }

  /**
   * Says how much a holder has now that its client has not taken; 0 ends its account. What is there
   * is counted even where there is no room: ask before.
   */
  hold(holder: OutboundHolder, bytes: number): void {
    const holding = this.#holdings.get(holder);
    this.#heldBytes += bytes - (holding?.bytes ?? 0);
    if (bytes === 0) this.#holdings.delete(holder);
    else if (holding !== undefined) holding.bytes = bytes;
    else this.#holdings.set(holder, { bytes, untakenBytes: -1, silentLooks: 0 });
    this.#maybeWake();
  }

  /** Calls `roomAgain` once there is room, in the order of the calls. */
  wait(waiter: OutboundWaiter): void {
    this.#waiters.add(waiter);
    this.#watch();
  }

  /** The waiter is gone. */
  forget(waiter: OutboundWaiter): void {
    this.#waiters.delete(waiter);
  }

  /** @throws ProtocolError THROTTLING_QUOTA_EXCEEDED where an answer of this size has no room */
  assertRoomFor(bytes: number): void {
    const { outboundMemoryBytes } = this.#options;
    // The largest answer must be possible when nothing else is pending.
    if (this.#heldBytes === 0 || this.#heldBytes + bytes <= outboundMemoryBytes) return;
    this.#refusedTotal += 1;
    this.#neededBytes = Math.max(this.#neededBytes, bytes);
    this.#watch();
    throw new ProtocolError(
      'THROTTLING_QUOTA_EXCEEDED',
      `Clients have yet to take ${this.#heldBytes} bytes that they were sent, of the ` +
        `${outboundMemoryBytes} that there may be (${SETTING}): an answer of ${bytes} bytes has no room.`,
      { retryAfterMs: RETRY_AFTER_MS, bound: SETTING },
    );
  }

  #maybeWake(): void {
    if (this.#isWaking || this.#waiters.size === 0 || !this.hasRoomFor(0)) return;
    this.#isWaking = true;
    this.#scheduler.soon(this.#wake);
  }

  readonly #wake = (): void => {
    this.#isWaking = false;
    let left = Math.min(WOKEN_TOGETHER, this.#waiters.size);
    for (const waiter of this.#waiters) {
      if (left === 0 || !this.hasRoomFor(0)) break;
      left -= 1;
      this.#waiters.delete(waiter);
      waiter.roomAgain();
    }
    this.#maybeWake();
  };

  /** Looks for stalled clients from now on, for as long as others wait or are refused. */
  #watch(): void {
    if (this.#timer !== undefined) return;
    for (const holding of this.#holdings.values()) {
      holding.untakenBytes = -1;
      holding.silentLooks = 0;
    }
    this.#lookLater();
  }

  #lookLater(): void {
    const delayMs = this.#options.outboundStalledMs / LOOKS_PER_STALL;
    this.#timer = this.#scheduler.after(delayMs, this.#look);
  }

  readonly #look = (): void => {
    this.#timer = undefined;
    const isShort = this.#waiters.size > 0 || this.#refusedTotal > this.#refusedAtLastLook;
    this.#refusedAtLastLook = this.#refusedTotal;
    if (!isShort) return;
    this.#lookLater();
    const stalled: OutboundHolder[] = [];
    for (const [holder, holding] of this.#holdings) {
      const { untakenBytes } = holder;
      const isSilent = untakenBytes > 0 && untakenBytes === holding.untakenBytes;
      holding.silentLooks = isSilent ? holding.silentLooks + 1 : 0;
      holding.untakenBytes = untakenBytes;
      if (holding.silentLooks >= LOOKS_PER_STALL) stalled.push(holder);
    }
    this.#drop(stalled);
  };

  /** Drops stalled holders, the oldest first, until there is room for what was refused. */
  #drop(stalled: readonly OutboundHolder[]): void {
    const { outboundMemoryBytes } = this.#options;
    const wantedBytes = Math.max(outboundMemoryBytes / 4, this.#neededBytes);
    let excessBytes = this.#heldBytes - Math.max(0, outboundMemoryBytes - wantedBytes);
    this.#neededBytes = 0;
    for (const holder of stalled) {
      if (excessBytes <= 0) return;
      excessBytes -= this.#holdings.get(holder)?.bytes ?? 0;
      this.#droppedTotal += 1;
      holder.dropStalled();
    }
  }
}
