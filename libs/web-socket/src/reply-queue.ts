/**
 * Sends answers in the order of their messages: each message has a place in the queue, and an
 * answer is sent after all before it. Answers that are ready together are sent together, as one
 * buffer.
 *
 * Overlap: places are taken and answers arrive at any time; answers are sent at the end of the
 * current event, never within a call.
 */
import { textFrames } from './frame.js';

/** Finished places are removed in groups of this size, because a removal moves all others. */
const DROPPED_TOGETHER_MIN = 256;

/** The destination of answers. */
export interface ReplySink {
  push(bytes: Buffer): void;
  /**
   * Called when a message is answered: its memory is free, although its answer may have to wait.
   */
  answered(memoryBytes: number): void;
  /** Called after answers were pushed. */
  sent(): void;
}

/** The place of a message in the queue. */
export class Reply {
  isAnswered = false;
  texts: readonly string[] = [];
  onSent: (() => void) | undefined;
  onTurn: (() => void) | undefined;
  readonly #queue: ReplyQueue;

  constructor(
    queue: ReplyQueue,
    /** Memory that the message uses. */
    readonly memoryBytes: number,
  ) {
    this.#queue = queue;
  }

  /**
   * Answers the message; call it once.
   * @param text text of the answer, or several; undefined if there is none
   * @param onSent called when the answer and all before it were written to the connection
   */
  answer(text: string | readonly string[] | undefined, onSent?: () => void): void {
    if (text !== undefined) this.texts = typeof text === 'string' ? [text] : text;
    this.onSent = onSent;
    this.isAnswered = true;
    this.#queue.answered(this);
  }

  /** Resolves when all messages before this one are answered. */
  turn(): Promise<void> {
    if (this.#queue.isFirst(this)) return Promise.resolve();
    return new Promise((resolve) => {
      this.onTurn = resolve;
    });
  }
}

export class ReplyQueue {
  readonly #sink: ReplySink;
  #places: Reply[] = [];
  /** Places before this index are finished. */
  #first = 0;
  #unansweredBytes = 0;
  #isScheduled = false;

  constructor(sink: ReplySink) {
    this.#sink = sink;
  }

  /** Number of unanswered messages. */
  get unanswered(): number {
    return this.#places.length - this.#first;
  }

  /** Memory of unanswered messages, in bytes. */
  get unansweredBytes(): number {
    return this.#unansweredBytes;
  }

  /** Takes the next place. @param memoryBytes memory that the message uses; 0 without a message */
  take(memoryBytes: number): Reply {
    const reply = new Reply(this, memoryBytes);
    this.#places.push(reply);
    this.#unansweredBytes += memoryBytes;
    return reply;
  }

  isFirst(reply: Reply): boolean {
    return this.#places[this.#first] === reply;
  }

  answered(reply: Reply): void {
    this.#sink.answered(reply.memoryBytes);
    if (this.#isScheduled || !this.isFirst(reply)) return;
    this.#isScheduled = true;
    // Runs after all promises that are settled now, because answers of one write to disk arrive
    // together.
    process.nextTick(this.#send);
  }

  readonly #send = (): void => {
    this.#isScheduled = false;
    const texts: string[] = [];
    for (let reply = this.#next(); reply !== undefined; reply = this.#next()) {
      texts.push(...reply.texts);
      if (reply.onSent === undefined) continue;
      this.#push(texts);
      reply.onSent();
    }
    this.#push(texts);
    this.#places[this.#first]?.onTurn?.();
    this.#sink.sent();
  };

  /** Removes the first place if it is answered. */
  #next(): Reply | undefined {
    const reply = this.#places[this.#first];
    if (reply === undefined || !reply.isAnswered) {
      this.#dropSent();
      return undefined;
    }
    this.#first += 1;
    this.#unansweredBytes -= reply.memoryBytes;
    return reply;
  }

  #dropSent(): void {
    if (this.#first === this.#places.length) this.#places.length = 0;
    else if (this.#first >= DROPPED_TOGETHER_MIN) this.#places.splice(0, this.#first);
    else return;
    this.#first = 0;
  }

  #push(texts: string[]): void {
    if (texts.length === 0) return;
    this.#sink.push(textFrames(texts));
    texts.length = 0;
  }
}
