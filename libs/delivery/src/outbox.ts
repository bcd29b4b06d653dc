/**
 * What is to be written to one connection: gathered during a turn of the event loop and then
 * written at once, so that a connection costs one system call per turn, whatever the number of its
 * frames.
 *
 * Bounded, by itself and together with all other connections: whoever has more to send asks first
 * whether there is room, and is told when there is again. Only answers to the client go past the
 * bound; the client sends no more of what asks for them meanwhile.
 */
import type { Writable } from 'node:stream';
import type { OutboundHolder, OutboundMemory, OutboundWaiter } from './outbound-memory.js';
import { untakenBytes } from './untaken-bytes.js';

/** Outboxes written before other events get their turn. */
const WRITTEN_PER_SLICE = 512;

/** Writes all outboxes that have something, at the end of the turn. */
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

/** What all outboxes share. */
export interface OutboxShared {
  readonly flusher: OutboxFlusher;
  /** Counts what connections have not taken, all together. */
  readonly outbound: OutboundMemory;
}

export class Outbox implements OutboundHolder, OutboundWaiter {
  /** Called when there is room again after `hasRoom` was answered with false. */
  onRoom: () => void = () => undefined;
  /** Called when the client has taken nothing for long while others lack the memory. */
  onStalled: () => void;
  readonly #target: Writable;
  readonly #flusher: OutboxFlusher;
  readonly #outbound: OutboundMemory;
  readonly #bytesMax: number;
  #first: Buffer | undefined;
  #rest: Buffer[] | undefined;
  #queuedBytes = 0;
  /** What is counted of this connection in the memory of all. */
  #heldBytes = 0;
  #isDirty = false;
  #isWaitedFor = false;
  #isClosed = false;

  /** @param bytesMax with this much that the connection has not taken, there is no room */
  constructor(target: Writable, { flusher, outbound }: OutboxShared, bytesMax: number) {
    this.#target = target;
    this.#flusher = flusher;
    this.#outbound = outbound;
    this.#bytesMax = bytesMax;
    this.onStalled = () => target.destroy();
    target.once('close', () => {
      this.close();
      this.#hold(0);
    });
  }

  /** Bytes that the system has not taken yet. */
  get pendingBytes(): number {
    return this.#queuedBytes + this.#target.writableLength;
  }

  get untakenBytes(): number {
    return untakenBytes(this.#target);
  }

  dropStalled(): void {
    this.onStalled();
  }

  roomAgain(): void {
    this.#maybeTellOfRoom();
  }

  /** Whether more may be pushed now; when not, `onRoom` is called once there is room. */
  hasRoom(): boolean {
    if (this.#mayTakeMore()) return true;
    this.#isWaitedFor = true;
    this.#maybeWait();
    return false;
  }

  /** Takes bytes that go out as they are, in the order of the calls. The buffer must not change. */
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

  /** Writes what was pushed so far. */
  flush(): void {
    this.#isDirty = false;
    const first = this.#first;
    const rest = this.#rest;
    this.#first = undefined;
    this.#rest = undefined;
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
   * Forgets what was not written and takes no more. What was written is counted until it is taken.
   */
  close(): void {
    this.#isClosed = true;
    this.#first = undefined;
    this.#rest = undefined;
    this.#dequeue();
    this.#outbound.forget(this);
  }

  /** The connection took a write, or failed to. */
  readonly #written = (): void => {
    this.#recount();
    this.#maybeTellOfRoom();
  };

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
    const { pendingBytes } = this;
    return pendingBytes < this.#bytesMax && this.#outbound.hasRoomFor(pendingBytes);
  }

  /** Without anything pending it is the others that have to take what they were sent. */
  #maybeWait(): void {
    if (this.pendingBytes === 0 && !this.#target.destroyed) this.#outbound.wait(this);
  }

  #maybeTellOfRoom(): void {
    if (!this.#isWaitedFor || this.#isClosed) return;
    if (!this.#mayTakeMore()) {
      this.#maybeWait();
      return;
    }
    this.#isWaitedFor = false;
    this.onRoom();
  }
}
