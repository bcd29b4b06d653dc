import type { Dispatcher } from 'undici';
import { type PeerMessage, PeerUnreachableError } from '#replication';
import { ArrivingBytes } from './arriving-bytes.js';
import { UNAVAILABLE } from './peer-admission.js';
import { decodePeerFailure } from './peer-failure-codec.js';
import { decodePeerMessage } from './peer-message-codec.js';

const OK = 200;

type AnswerHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** Callbacks for the end of a call. */
export interface CallEnd {
  onAnswer(message: PeerMessage): void;
  /** `needsOperator`: the two brokers are incompatible, and stay so until an operator acts. */
  onFailure(error: Error, needsOperator: boolean): void;
}

/**
 * Thrown into the connection that starts a call which has already ended: the connection is kept.
 */
const ENDED = new Error('the call ended before it was sent');

/**
 * One call of another broker, from its dispatch to its answer. It ends exactly once: by the answer,
 * the connection, the timeout or the caller.
 */
export class OutgoingCall implements Dispatcher.DispatchHandler {
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  readonly #answer = new ArrivingBytes();
  #hasEnded = false;
  readonly #brokerId: number;
  readonly #answerBytesMax: number;
  readonly #end: CallEnd;
  #headers: AnswerHeaders = {};
  /** True if the called broker sent the answer; on a secure channel nobody else can. */
  isGenuine: (status: number, headers: AnswerHeaders, body: Buffer) => boolean = () => true;

  constructor(brokerId: number, answerBytesMax: number, end: CallEnd) {
    this.#brokerId = brokerId;
    this.#answerBytesMax = answerBytesMax;
    this.#end = end;
  }

  /**
   * Ends the call without an answer. If it holds a connection, the connection is cut, which signals
   * the other broker.
   */
  abandon(cause: unknown): void {
    if (this.#hasEnded) return;
    this.#unreachable(cause);
    this.#controller?.abort(ENDED);
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /**
   * Ends the call before it was sent.
   * @param needsOperator true if every call fails until an operator acts
   */
  refuse(cause: unknown, needsOperator: boolean): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#end.onFailure(new PeerUnreachableError(this.#brokerId, false, cause), needsOperator);
  }

  /** The other broker may have received the call from here on: a connection is writing it. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#hasEnded) throw ENDED;
    this.#controller = controller;
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: AnswerHeaders,
  ): void {
    this.#status = status;
    this.#headers = headers;
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
    const body = this.#answer.whole();
    if (!this.isGenuine(this.#status, this.#headers, body)) {
      this.#unreachable(new Error('the answer is not one of the called broker'));
    } else if (this.#status === OK) this.#answered(body);
    else this.#failed(body);
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
      this.#unreachable(
        new Error(`the answer has status ${this.#status} and is not one of a broker`),
      );
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
    return new Error(
      `an answer of ${sizeBytes} bytes exceeds the limit of ${this.#answerBytesMax} bytes`,
    );
  }
}
