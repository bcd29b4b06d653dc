import type { Dispatcher } from 'undici';
import { type PeerMessage, PeerUnreachableError } from '#replication';
import { decodePeerFailure } from './peer-failure-codec.js';
import { decodePeerMessage } from './peer-message-codec.js';

const OK = 200;

/** How a call ended that has no answer: a refusal is a misconfiguration, which somebody must mend. */
export interface CallEnd {
  onAnswer(message: PeerMessage): void;
  /** `isRefused`: by the other broker, and not for what was asked. */
  onFailure(error: Error, isRefused: boolean): void;
}

/** Thrown at the connection that takes the call up when it has ended before: the connection is kept. */
const ENDED = new Error('the call ended before it was sent');

/**
 * One call of another broker, from its dispatch to its answer. Ends once, whoever ends it first: the
 * answer, the connection, the time-out, the caller.
 */
export class OutgoingCall implements Dispatcher.DispatchHandler {
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #announcedBytes: number | undefined;
  readonly #chunks: Buffer[] = [];
  #receivedBytes = 0;
  #hasEnded = false;

  constructor(
    private readonly brokerId: number,
    private readonly answerBytesMax: number,
    private readonly end: CallEnd,
  ) {}

  /** Ends the call without an answer; a connection that it holds is cut, which tells the other broker. */
  giveUp(cause: unknown): void {
    if (this.#hasEnded) return;
    this.#unreachable(cause);
    this.#controller?.abort(ENDED);
  }

  /** From here on the other broker may have heard of it: a connection has it, and writes it now. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#hasEnded) throw ENDED;
    this.#controller = controller;
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: Readonly<Record<string, string | string[] | undefined>>,
  ): void {
    this.#status = status;
    const announced = Number(headers['content-length'] ?? Number.NaN);
    if (Number.isNaN(announced)) return;
    this.#announcedBytes = announced;
    if (announced > this.answerBytesMax) controller.abort(this.#tooLarge(announced));
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#receivedBytes += chunk.length;
    if (this.#receivedBytes > this.answerBytesMax) {
      controller.abort(this.#tooLarge(this.#receivedBytes));
      return;
    }
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    if (this.#hasEnded) return;
    const body = this.#body();
    if (this.#status === OK) this.#answer(body);
    else this.#fail(body);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#unreachable(error);
  }

  #body(): Buffer {
    const [first] = this.#chunks;
    return this.#chunks.length === 1 && first !== undefined
      ? first
      : Buffer.concat(this.#chunks, this.#receivedBytes);
  }

  #answer(body: Buffer): void {
    let message: PeerMessage;
    try {
      message = decodePeerMessage(body);
    } catch (error) {
      this.#unreachable(error);
      return;
    }
    this.#hasEnded = true;
    this.end.onAnswer(message);
  }

  #fail(body: Buffer): void {
    const failure = decodePeerFailure(body);
    if (failure === undefined) {
      this.#unreachable(new Error(`the answer has status ${this.#status} and is none of a broker`));
      return;
    }
    this.#hasEnded = true;
    if (failure.kind === 'failed') this.end.onFailure(failure.error, false);
    else this.end.onFailure(new PeerUnreachableError(this.brokerId, false, failure.error), true);
  }

  #unreachable(cause: unknown): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    const wasSent = this.#controller !== undefined;
    this.end.onFailure(new PeerUnreachableError(this.brokerId, wasSent, cause), false);
  }

  #tooLarge(sizeBytes: number): Error {
    const announced = this.#announcedBytes ?? sizeBytes;
    return new Error(`an answer of ${announced} bytes is above the ${this.answerBytesMax} taken`);
  }
}
