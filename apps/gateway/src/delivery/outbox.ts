/**
 * What is to be written to one connection: gathered during a turn of the event loop and then written
 * at once, so that a connection costs one system call a turn, whatever the number of its frames.
 *
 * Bounded: whoever has more to send asks first whether there is room, and is told when there is again.
 * Only answers to the client go past the bound; it sends no more of what asks for them meanwhile.
 */
import type { Writable } from 'node:stream';

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

export class Outbox {
  /** Called when there is room again after `hasRoom` was answered with false. */
  onRoom: () => void = () => undefined;
  readonly #target: Writable;
  readonly #flusher: OutboxFlusher;
  readonly #bytesMax: number;
  #first: Buffer | undefined;
  #rest: Buffer[] | undefined;
  #queuedBytes = 0;
  #isDirty = false;
  #isWaitedFor = false;
  #isClosed = false;

  /** @param bytesMax with this much that the connection has not taken, there is no room */
  constructor(target: Writable, flusher: OutboxFlusher, bytesMax: number) {
    this.#target = target;
    this.#flusher = flusher;
    // Below its own mark a stream does not tell of a drain.
    this.#bytesMax = Math.max(bytesMax, target.writableHighWaterMark);
    target.on('drain', () => {
      this.#maybeTellOfRoom();
    });
  }

  /** Bytes that the system has not taken yet. */
  get pendingBytes(): number {
    return this.#queuedBytes + this.#target.writableLength;
  }

  /** Whether more may be pushed now; when not, `onRoom` is called once there is room. */
  hasRoom(): boolean {
    if (this.#queuedBytes + this.#target.writableLength < this.#bytesMax) return true;
    this.#isWaitedFor = true;
    return false;
  }

  /** Takes bytes that go out as they are, in the order of the calls. The buffer must not change. */
  push(bytes: Buffer): void {
    if (this.#isClosed) return;
    if (this.#first === undefined) this.#first = bytes;
    else if (this.#rest === undefined) this.#rest = [bytes];
    else this.#rest.push(bytes);
    this.#queuedBytes += bytes.length;
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
    this.#queuedBytes = 0;
    if (first === undefined || this.#isClosed) return;
    if (rest === undefined) {
      this.#target.write(first);
    } else {
      this.#target.cork();
      this.#target.write(first);
      for (const bytes of rest) this.#target.write(bytes);
      this.#target.uncork();
    }
    this.#maybeTellOfRoom();
  }

  /** Forgets what was not written and takes no more. */
  close(): void {
    this.#isClosed = true;
    this.#first = undefined;
    this.#rest = undefined;
    this.#queuedBytes = 0;
  }

  #maybeTellOfRoom(): void {
    if (!this.#isWaitedFor || this.#isClosed || this.pendingBytes >= this.#bytesMax) return;
    this.#isWaitedFor = false;
    this.onRoom();
  }
}
