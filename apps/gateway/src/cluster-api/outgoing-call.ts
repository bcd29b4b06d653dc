import type { Dispatcher } from 'undici';
import { type PeerMessage, PeerUnreachableError } from '#replication';
import { ArrivingBytes } from './arriving-bytes.js';
import { UNAVAILABLE } from './peer-admission.js';
import { decodePeerFailure } from './peer-failure-codec.js';
import { decodePeerMessage } from './peer-message-codec.js';

const OK = 200;

/** How a call ends. */
export interface CallEnd {
  onAnswer(message: PeerMessage): void;
  /**
   * `mustBeMended`: the two brokers do not fit together, and go on like that until somebody acts.
   */
  onFailure(error: Error, mustBeMended: boolean): void;
}

/**
 * Thrown at the connection that takes the call up when it has ended before: the connection is kept.
 */
const ENDED = new Error('the call ended before it was sent');

/**
 * One call of another broker, from its dispatch to its answer. Ends once, whoever ends it first:
 * the answer, the connection, the time-out, the caller.
 */
export class OutgoingCall implements Dispatcher.DispatchHandler {
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  readonly #answer = new ArrivingBytes();
  #hasEnded = false;
  readonly #brokerId: number;
  readonly #answerBytesMax: number;
  readonly #end: CallEnd;

  constructor(brokerId: number, answerBytesMax: number, end: CallEnd) {
    this.#brokerId = brokerId;
    this.#answerBytesMax = answerBytesMax;
    this.#end = end;
  }

  /**
   * Ends the call without an answer; a connection that it holds is cut, which tells the other
   * broker.
   */
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
    const announcedBytes = Number(headers['content-length'] ?? Number.NaN);
    if (announcedBytes > this.#answerBytesMax) controller.abort(this.#tooLarge(announcedBytes));
    else this.#answer.announced(announcedBytes);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#answer.add(chunk);
    const { sizeBytes } = this.#answer;
    if (sizeBytes > this.#answerBytesMax) controller.abort(this.#tooLarge(sizeBytes));
  }

  onResponseEnd(): void {
    if (this.#hasEnded) return;
    if (this.#status === OK) this.#answered(this.#answer.whole());
    else this.#failed(this.#answer.whole());
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#unreachable(error);
  }

  #answered(body: Buffer): void {
    let message: PeerMessage;
    try {
      message = decodePeerMessage(body);
    } catch (error) {
      this.#unreachable(error);
      return;
    }
    this.#hasEnded = true;
    this.#end.onAnswer(message);
  }

  #failed(body: Buffer): void {
    const failure = decodePeerFailure(body);
    if (failure === undefined) {
      this.#unreachable(new Error(`the answer has status ${this.#status} and is none of a broker`));
      return;
    }
    this.#hasEnded = true;
    if (failure.kind === 'failed') {
      this.#end.onFailure(failure.error, false);
      return;
    }
    const error = new PeerUnreachableError(this.#brokerId, false, failure.error);
    this.#end.onFailure(error, this.#status !== UNAVAILABLE);
  }

  #unreachable(cause: unknown): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    const wasSent = this.#controller !== undefined;
    this.#end.onFailure(new PeerUnreachableError(this.#brokerId, wasSent, cause), false);
  }

  #tooLarge(sizeBytes: number): Error {
    return new Error(`an answer of ${sizeBytes} bytes is above the ${this.#answerBytesMax} taken`);
  }
}
