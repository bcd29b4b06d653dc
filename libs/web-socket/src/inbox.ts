/**
 * The messages of one connection that were read but not begun: they are handled one after the
 * other, in order of arrival.
 *
 * The session that reads the connection bounds it: while messages wait it does not read, so at most
 * the messages of one read wait. The bytes of a message count in the memory of all request bodies
 * until the message is answered; then the session releases them.
 *
 * Overlap: `add` and `proceed` may be called at any time, also while a message is being handled.
 */

/** Memory of a message besides its own bytes. */
const MESSAGE_OVERHEAD_BYTES = 128;

export interface InboxMessage {
  readonly bytes: Buffer;
  readonly isBinary: boolean;
}

/** Memory that the message uses until it is answered. */
export function messageMemoryBytes({ bytes }: InboxMessage): number {
  return bytes.length + MESSAGE_OVERHEAD_BYTES;
}

export interface InboxOwner {
  /** True when another message may begin now; if not, the owner calls `proceed` later. */
  mayBegin(): boolean;
  /**
   * Begins a message; if it returns a promise, the next message waits for it. It never rejects. The
   * owner releases the memory of the message after its answer.
   */
  begin(message: InboxMessage): Promise<void> | undefined;
  /** Called when a message that others waited for was handled. */
  handled(): void;
}

/** The memory that all connections share. */
export interface InboxMemory {
  /** @throws ProtocolError BUFFER_EXHAUSTED */
  hold(sizeBytes: number): void;
  release(sizeBytes: number): void;
}

export class Inbox {
  readonly #owner: InboxOwner;
  readonly #memory: InboxMemory;
  #messages: InboxMessage[] = [];
  /** Messages before this index were begun. */
  #first = 0;
  #isBusy = false;
  #isClosed = false;

  constructor(owner: InboxOwner, memory: InboxMemory) {
    this.#owner = owner;
    this.#memory = memory;
  }

  /** Number of messages that wait to begin. */
  get waiting(): number {
    return this.#messages.length - this.#first;
  }

  /** True when no message waits or is being handled. */
  get isIdle(): boolean {
    return !this.#isBusy && this.waiting === 0;
  }

  /**
   * Begins the message, or queues it.
   * @throws ProtocolError BUFFER_EXHAUSTED if there is no memory for it
   */
  add(message: InboxMessage): void {
    if (this.#isClosed) return;
    this.#memory.hold(messageMemoryBytes(message));
    if (this.isIdle && this.#owner.mayBegin()) this.#begin(message);
    else this.#messages.push(message);
  }

  /** Begins as many of the waiting messages as possible. */
  proceed(): void {
    while (!this.#isBusy && this.waiting > 0 && this.#owner.mayBegin()) {
      const message = this.#messages[this.#first] as InboxMessage;
      this.#first += 1;
      this.#begin(message);
    }
    if (this.#first === 0 || this.waiting > 0) return;
    this.#messages = [];
    this.#first = 0;
  }

  /** Drops waiting messages, and accepts no more. */
  close(): void {
    this.#isClosed = true;
    for (const message of this.#messages.slice(this.#first)) {
      this.#memory.release(messageMemoryBytes(message));
    }
    this.#messages = [];
    this.#first = 0;
  }

  #begin(message: InboxMessage): void {
    const handled = this.#owner.begin(message);
    if (handled === undefined) return;
    this.#isBusy = true;
    void handled.then(this.#handled);
  }

  readonly #handled = (): void => {
    this.#isBusy = false;
    this.proceed();
    this.#owner.handled();
  };
}
