/**
 * Accounts for bytes sent to clients that they have not taken yet, over WebSockets, event streams,
 * line streams and answers. A bound per connection does not bound their sum.
 *
 * - A connection whose client keeps up is never counted: bytes count once the system call did not
 *   take them at once.
 * - The more is in use, the less each connection may have: at most as much as is free (a dynamic
 *   threshold). One slow client therefore takes at most half of the memory, n of them leave 1 / (n
 *   + 1).
 * - When nothing is free, connections with nothing pending wait and answers are refused. Clients
 *   that have taken nothing for `outboundStalledMs` are then dropped until a quarter is free, or as
 *   much as a refused answer needs; slow clients that take something now and then are kept.
 */
import { ProtocolError } from '#protocol';
import type { Scheduler, Timer } from '#runtime';

/** Settings of the outbound memory. */
export interface OutboundMemoryOptions {
  readonly outboundMemoryBytes: number;
  readonly outboundStalledMs: number;
}

/** A connection, or one answer on it, with bytes that its client has not taken. */
export interface OutboundHolder {
  /** Bytes that the system has not taken yet. */
  readonly unreceivedBytes: number;
  /** Cuts the connection. The holder then reports its remaining bytes down to 0. */
  dropStalled(): void;
}

/** A connection with nothing pending that waits until other clients take their bytes. */
export interface OutboundWaiter {
  roomAgain(): void;
}

/** Numbers for metrics. */
export interface OutboundStatus {
  readonly heldBytes: number;
  /** Connections that wait for other clients to take their bytes. */
  readonly waiting: number;
  readonly refusedTotal: number;
  readonly droppedTotal: number;
}

interface Holding {
  bytes: number;
  /** Untaken bytes at the last check; -1 when not checked since the memory became short. */
  unreceivedBytes: number;
  /** Consecutive checks at which nothing had been taken. */
  silentLooks: number;
}

const SETTING = 'SLUICE_OUTBOUND_MEMORY_BYTES';
/** Checks per stall time: a stalled client is found at most a quarter of it late. */
const LOOKS_PER_STALL = 4;
/** Waiters resumed in one turn of the event loop; each may fill what is free. */
const WOKEN_TOGETHER = 16;

export class OutboundMemory {
  readonly #options: OutboundMemoryOptions;
  readonly #scheduler: Scheduler;
  readonly #holdings = new Map<OutboundHolder, Holding>();
  /** Waiting connections, in order of arrival. */
  readonly #waiters = new Set<OutboundWaiter>();
  /**
   * Bytes that outboxes have gathered in this turn of the event loop; maintained by the outboxes.
   */
  queuedBytes = 0;
  #heldBytes = 0;
  /** Largest answer that was refused since the last check. */
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
   * True when a connection that has `pendingBytes` may be sent more. Bytes gathered in this turn
   * count only against connections that have a share in them: most clients take them at once, and
   * all may share one frame. Hot.
   */
  hasRoomFor(pendingBytes: number): boolean {
    const freeBytes = this.#options.outboundMemoryBytes - this.#heldBytes;
    return pendingBytes === 0 ? freeBytes > 0 : pendingBytes < freeBytes - this.queuedBytes;
  }

  /**
   * Records how many bytes of a holder its client has not taken; 0 removes the holder. The bytes
   * count even when there is no room: callers check before they send.
   */
  hold(holder: OutboundHolder, bytes: number): void {
    const holding = this.#holdings.get(holder);
    this.#heldBytes += bytes - (holding?.bytes ?? 0);
    if (bytes === 0) this.#holdings.delete(holder);
    else if (holding !== undefined) holding.bytes = bytes;
    else this.#holdings.set(holder, { bytes, unreceivedBytes: -1, silentLooks: 0 });
    this.#maybeWake();
  }

  /** Calls `roomAgain` of the waiter once there is room, in order of arrival. */
  wait(waiter: OutboundWaiter): void {
    this.#waiters.add(waiter);
    this.#watch();
  }

  /** Removes a waiter that is gone. */
  forget(waiter: OutboundWaiter): void {
    this.#waiters.delete(waiter);
  }

  /** @throws ProtocolError THROTTLING_QUOTA_EXCEEDED when an answer of this size has no room */
  assertRoomFor(bytes: number): void {
    const { outboundMemoryBytes } = this.#options;
    // The largest answer must be accepted when nothing else is pending.
    if (this.#heldBytes === 0 || this.#heldBytes + bytes <= outboundMemoryBytes) return;
    this.#refusedTotal += 1;
    this.#neededBytes = Math.max(this.#neededBytes, bytes);
    this.#watch();
    throw new ProtocolError(
      'THROTTLING_QUOTA_EXCEEDED',
      `${this.#heldBytes} bytes were sent to clients and not yet received, of at most ` +
        `${outboundMemoryBytes} (${SETTING}): there is no room for an answer of ${bytes} bytes.`,
      { bound: SETTING },
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

  /** Checks for stalled clients for as long as others wait or are refused. */
  #watch(): void {
    if (this.#timer !== undefined) return;
    for (const holding of this.#holdings.values()) {
      holding.unreceivedBytes = -1;
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
      const { unreceivedBytes } = holder;
      const isSilent = unreceivedBytes > 0 && unreceivedBytes === holding.unreceivedBytes;
      holding.silentLooks = isSilent ? holding.silentLooks + 1 : 0;
      holding.unreceivedBytes = unreceivedBytes;
      if (holding.silentLooks >= LOOKS_PER_STALL) stalled.push(holder);
    }
    this.#drop(stalled);
  };

  /** Drops stalled holders, oldest first, until there is room for the refused answer. */
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
