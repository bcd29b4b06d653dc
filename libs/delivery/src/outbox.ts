/**
 * Pending output of one connection: gathered during a turn of the event loop and then written at
 * once, so that a connection costs one system call per turn, for any number of frames.
 *
 * Each outbox and all of them together are bounded: a sender asks for room first, and is called
 * when there is room again. Only answers to the client exceed the bound; the gateway reads no
 * further requests from that client meanwhile.
 */
import type { Writable } from 'node:stream';
import type { Scheduler } from '#runtime';
import type { OutboundHolder, OutboundMemory, OutboundWaiter } from './outbound-memory.js';
import { unreceivedBytes } from './unreceived-bytes.js';

/** Outboxes written before other events are handled. */
const WRITTEN_PER_SLICE = 512;

/** Writes all outboxes with pending bytes at the end of the turn. */
export class OutboxFlusher {
  #dirty: Outbox[] = [];
  #isScheduled = false;

  add(outbox: Outbox): void {
    this.#dirty.push(outbox);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.#flush);
  }

  readonly #flush = (): void => {
    const dirty = this.#dirty;
    const now = dirty.length > WRITTEN_PER_SLICE ? dirty.slice(0, WRITTEN_PER_SLICE) : dirty;
    this.#dirty = dirty.length > WRITTEN_PER_SLICE ? dirty.slice(WRITTEN_PER_SLICE) : [];
    this.#isScheduled = this.#dirty.length > 0;
    if (this.#isScheduled) setImmediate(this.#flush);
    for (const outbox of now) outbox.flush();
  };
}

/** Parts that all outboxes share. */
export interface OutboxShared {
  readonly flusher: OutboxFlusher;
  /** Accounts for the untaken bytes of all connections. */
  readonly outbound: OutboundMemory;
}

/** Limits the rate at which a connection receives. */
export interface OutboxThrottle {
  readonly scheduler: Scheduler;
  /**
   * The quotas of all connections. While none is set, a written frame costs one look at this shared
   * object, and not one at the caller of each connection, which is seldom in the processor's cache.
   */
  readonly quotas: { readonly areSet: boolean };
  /**
   * Charges written bytes.
   * @returns the time for which the connection gets no more records, ms
   */
  charge(bytes: number): number;
}

export interface OutboxOptions {
  /** Untaken bytes from which on the connection has no room. */
  readonly bytesMax: number;
  /** Called when there is room again after `hasRoom` returned false. */
  readonly onRoom?: () => void;
  /**
   * Called when the client has taken nothing for long while others need the memory; the connection
   * is destroyed without it.
   */
  readonly onStalled?: () => void;
  /** Absent if the rate has no limit. */
  readonly throttle?: OutboxThrottle | undefined;
}

export class Outbox implements OutboundHolder, OutboundWaiter {
  readonly #target: Writable;
  readonly #flusher: OutboxFlusher;
  readonly #outbound: OutboundMemory;
  readonly #options: OutboxOptions;
  readonly #quotas: OutboxThrottle['quotas'] | undefined;
  #first: Buffer | undefined;
  #rest: Buffer[] | undefined;
  #queuedBytes = 0;
  /** Bytes of this connection that the outbound memory counts. */
  #heldBytes = 0;
  #isDirty = false;
  #isWaitedFor = false;
  #isClosed = false;
  /** True while the connection has received more than its rate allows. */
  #isThrottled = false;

  constructor(target: Writable, { flusher, outbound }: OutboxShared, options: OutboxOptions) {
    this.#target = target;
    this.#flusher = flusher;
    this.#outbound = outbound;
    this.#options = options;
    this.#quotas = options.throttle?.quotas;
    target.once('close', () => {
      this.close();
      this.#hold(0);
    });
  }

  /** Bytes that the system has not taken yet. */
  get pendingBytes(): number {
    return this.#queuedBytes + this.#target.writableLength;
  }

  get unreceivedBytes(): number {
    return unreceivedBytes(this.#target);
  }

  dropStalled(): void {
    if (this.#options.onStalled === undefined) this.#target.destroy();
    else this.#options.onStalled();
  }

  roomAgain(): void {
    this.#maybeTellOfRoom();
  }

  /** True when more may be pushed now; when not, `onRoom` is called once there is room. */
  hasRoom(): boolean {
    if (this.#mayTakeMore()) return true;
    this.#isWaitedFor = true;
    this.#maybeWait();
    return false;
  }

  /**
   * Appends bytes, which are sent in the order of the calls. The caller must not change the buffer.
   */
  push(bytes: Buffer): void {
    if (this.#isClosed) return;
    if (this.#first === undefined) this.#first = bytes;
    else if (this.#rest === undefined) this.#rest = [bytes];
    else this.#rest.push(bytes);
    this.#queuedBytes += bytes.length;
    this.#outbound.queuedBytes += bytes.length;
    if (this.#isDirty) return;
    this.#isDirty = true;
    this.#flusher.add(this);
  }

  /** Writes all pushed bytes. */
  flush(): void {
    this.#isDirty = false;
    const first = this.#first;
    const rest = this.#rest;
    this.#first = undefined;
    this.#rest = undefined;
    if (this.#quotas?.areSet === true) this.#throttle();
    this.#dequeue();
    if (first === undefined || this.#isClosed) return;
    if (rest === undefined) {
      this.#target.write(first, this.#written);
    } else {
      this.#target.cork();
      this.#target.write(first);
      const last = rest.length - 1;
      for (let index = 0; index < last; index += 1) this.#target.write(rest[index]);
      this.#target.write(rest[last], this.#written);
      this.#target.uncork();
    }
    this.#recount();
    this.#maybeTellOfRoom();
  }

  /**
   * Discards unwritten bytes and ignores further ones. Written bytes count until they are taken.
   */
  close(): void {
    this.#isClosed = true;
    this.#first = undefined;
    this.#rest = undefined;
    this.#dequeue();
    this.#outbound.forget(this);
  }

  /** Runs when the connection has taken a write or failed to. */
  readonly #written = (): void => {
    this.#recount();
    this.#maybeTellOfRoom();
  };

  #throttle(): void {
    const { throttle } = this.#options;
    if (throttle === undefined) return;
    const pauseMs = throttle.charge(this.#queuedBytes);
    if (pauseMs <= 0 || this.#isThrottled) return;
    this.#isThrottled = true;
    throttle.scheduler.after(pauseMs, () => {
      this.#isThrottled = false;
      this.#maybeTellOfRoom();
    });
  }

  #dequeue(): void {
    this.#outbound.queuedBytes -= this.#queuedBytes;
    this.#queuedBytes = 0;
  }

  #recount(): void {
    const { writableLength, destroyed } = this.#target;
    if (!destroyed) this.#hold(writableLength);
  }

  #hold(bytes: number): void {
    if (bytes === this.#heldBytes) return;
    this.#heldBytes = bytes;
    this.#outbound.hold(this, bytes);
  }

  #mayTakeMore(): boolean {
    if (this.#isThrottled) return false;
    const { pendingBytes } = this;
    return pendingBytes < this.#options.bytesMax && this.#outbound.hasRoomFor(pendingBytes);
  }

  /** Waits for other connections when nothing is pending here: only they can free memory. */
  #maybeWait(): void {
    if (this.#isThrottled || this.#target.destroyed) return;
    if (this.pendingBytes === 0) this.#outbound.wait(this);
  }

  #maybeTellOfRoom(): void {
    if (!this.#isWaitedFor || this.#isClosed) return;
    if (!this.#mayTakeMore()) {
      this.#maybeWait();
      return;
    }
    this.#isWaitedFor = false;
    this.#options.onRoom?.();
  }
}
