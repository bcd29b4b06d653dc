/**
 * Answers in the order of their messages: each message has its place in the queue, and an answer
 * goes out when all before it have. Answers that are ready together go out together, as one buffer.
 *
 * Overlap: places are taken and answers come in at any time; what is sent is sent at the end of the
 * current event, never within a call.
 */
import { textFrames } from './frame.js';

/** Places that are done with and kept until there are so many: to drop one moves all others. */
const DROPPED_TOGETHER_MIN = 256;

/** Where answers go. */
export interface ReplySink {
  push(bytes: Buffer): void;
  /** A message is answered: its memory is no longer needed, though its answer may have to wait. */
  answered(memoryBytes: number): void;
}

/** The place of a message in the queue. */
export class Reply {
  isAnswered = false;
  text: string | undefined;
  onSent: (() => void) | undefined;
  onTurn: (() => void) | undefined;
  readonly #queue: ReplyQueue;

  constructor(
    queue: ReplyQueue,
    /** Memory that the message takes. */
    readonly memoryBytes: number,
  ) {
    this.#queue = queue;
  }

  /**
   * To be called once.
   * @param text of the answer; undefined: there is none
   * @param onSent is called when the answer and all before it were handed to the connection
   */
  answer(text: string | undefined, onSent?: () => void): void {
    this.text = text;
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
  /** Called after answers were sent. */
  onSent: () => void = () => undefined;
  readonly #sink: ReplySink;
  #places: Reply[] = [];
  /** Places before this one are done with. */
  #first = 0;
  #unansweredBytes = 0;
  #isScheduled = false;

  constructor(sink: ReplySink) {
    this.#sink = sink;
  }

  /** Messages that are not answered yet. */
  get unanswered(): number {
    return this.#places.length - this.#first;
  }

  /** Memory that those messages take, in bytes. */
  get unansweredBytes(): number {
    return this.#unansweredBytes;
  }

  /**
   * Takes the next place. @param memoryBytes memory that the message takes; 0: there is no message
   */
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
    // After all promises that are settled now: answers of one write to disk come in together.
    process.nextTick(this.#send);
  }

  readonly #send = (): void => {
    this.#isScheduled = false;
    const texts: string[] = [];
    for (let reply = this.#next(); reply !== undefined; reply = this.#next()) {
      if (reply.text !== undefined) texts.push(reply.text);
      if (reply.onSent === undefined) continue;
      this.#push(texts);
      reply.onSent();
    }
    this.#push(texts);
    this.#places[this.#first]?.onTurn?.();
    this.onSent();
  };

  /** Takes the first place out if it is answered. */
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
