/**
 * The messages of one connection that were read and not begun yet: handled one after the other, in
 * the order in which they came.
 *
 * The session that reads the connection bounds it: while messages wait it reads no more, so that
 * what waits is what one read brought. The bytes of a message are counted with those of all request
 * bodies from here on until the message is answered: the session gives them back then.
 *
 * Overlap: `add` and `proceed` come at any time, also while a message is being handled.
 */

/** Bytes that a message takes beside its own. */
const MESSAGE_OVERHEAD_BYTES = 128;

export interface InboxMessage {
  readonly bytes: Buffer;
  readonly isBinary: boolean;
}

/** Memory that the message takes until it is answered. */
export function memoryOf({ bytes }: InboxMessage): number {
  return bytes.length + MESSAGE_OVERHEAD_BYTES;
}

export interface InboxOwner {
  /** Whether another message may be begun now; when not, `proceed` is called once it may. */
  mayBegin(): boolean;
  /**
   * Begins a message; where it answers a promise, the next one waits for it. It never rejects. The
   * owner gives the memory of the message back once it is answered.
   */
  begin(message: InboxMessage): Promise<void> | undefined;
  /** A message that others waited for was handled. */
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
  /** Those before this one were begun. */
  #first = 0;
  #isBusy = false;
  #isClosed = false;

  constructor(owner: InboxOwner, memory: InboxMemory) {
    this.#owner = owner;
    this.#memory = memory;
  }

  /** Messages that wait to be begun. */
  get waiting(): number {
    return this.#messages.length - this.#first;
  }

  /** Whether nothing waits and nothing is being handled. */
  get isIdle(): boolean {
    return !this.#isBusy && this.waiting === 0;
  }

  /**
   * Begins the message, or lets it wait its turn.
   * @throws ProtocolError BUFFER_EXHAUSTED where there is no memory for it
   */
  add(message: InboxMessage): void {
    if (this.#isClosed) return;
    this.#memory.hold(memoryOf(message));
    if (this.isIdle && this.#owner.mayBegin()) this.#begin(message);
    else this.#messages.push(message);
  }

  /** Begins as many of those that wait as may be. */
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

  /** Forgets what waits, and takes no more. */
  close(): void {
    this.#isClosed = true;
    for (const message of this.#messages.slice(this.#first)) {
      this.#memory.release(memoryOf(message));
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
