import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ProtocolError } from '#protocol';
import {
  isWriteMethod,
  type ProblemOptions,
  problemBody,
  problemDocument,
  problemHeaders,
  toProtocolError,
  writeProblem,
} from '../problem.js';
import type { InFlightRequest } from './connection-table.js';
import { drainRequest } from './drain-request.js';
import type { FrontContext } from './front-context.js';
import { HeldMemory } from './held-memory.js';
import { answerLateBody, type LateBody } from './late-body.js';
import type { BodyReceiver } from './request-body.js';
import { requestIdOf } from './request-id.js';
import type { FrontRoute } from './request-observer.js';
import { UntakenAnswer } from './untaken-answer.js';

/** A body that is left of a refused request and no longer than this is read on, not cut off. */
const DUMPED_BYTES_MAX = 64 * 1024;

export interface ExchangeOptions {
  readonly context: FrontContext;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Percent-encoded, as it came. */
  readonly path: string;
  /** Of the URL, without the question mark. */
  readonly search: string;
  readonly route: FrontRoute;
  /** The client waits to be asked for the body. */
  readonly expectsContinue: boolean;
}

/** One request of a hot route with its response: what it holds, and how it ends. */
export class Exchange implements InFlightRequest, BodyReceiver {
  /** What is to end when the exchange does. */
  onClose: (() => void) | undefined;
  /** In place of an answer of 408, where an answer has begun already. */
  onBodyIdle: (() => void) | undefined;
  /** Ends a wait for records. */
  onHalfClosed: (() => void) | undefined;
  /** Ends what has no end of its own. */
  onStopping: (() => void) | undefined;
  readonly context: FrontContext;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: string;
  readonly search: string;
  /** Names the request in problems: its path as the client sees it. */
  readonly instance: string;
  readonly memory: HeldMemory;
  readonly #route: FrontRoute;
  #expectsContinue: boolean;
  /** Ends the reading of a body that is not wanted. */
  #endDrain: (() => void) | undefined;
  #isClosed = false;
  #isObserved = false;
  #untaken: UntakenAnswer | undefined;
  readonly #startedMs = performance.now();

  constructor(options: ExchangeOptions) {
    this.context = options.context;
    this.request = options.request;
    this.response = options.response;
    this.path = options.path;
    this.search = options.search;
    this.instance = options.context.pathPrefix + options.path;
    this.memory = new HeldMemory(options.context.memory);
    this.#route = options.route;
    this.#expectsContinue = options.expectsContinue;
  }

  /** The client is gone or was answered: nothing more can be said to it. */
  get isGone(): boolean {
    return this.#isClosed || this.response.destroyed;
  }

  get bodyBytesMax(): number {
    return this.context.options.requestBytesMax;
  }

  askForBody(): void {
    if (!this.#expectsContinue) return;
    this.#expectsContinue = false;
    this.response.writeContinue();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.memory.close();
    this.#untaken?.end();
    this.observe();
    this.context.connections.countFinished();
    this.onClose?.();
  }

  /**
   * Counts an answer that was written to its end for as long as its client has not taken it. One
   * that was taken at once costs nothing. To be called once.
   */
  countUntaken(sizeBytes: number): void {
    // Not finished either: an answer that waits behind others of its connection.
    if (this.isGone || this.response.writableFinished || sizeBytes === 0) return;
    this.#untaken = new UntakenAnswer(this.response, sizeBytes, this.context.outbound);
  }

  /**
   * Counts the request as answered, once: where a stream begins, how long it stands is no latency.
   */
  observe(): void {
    if (this.#isObserved) return;
    this.#isObserved = true;
    const { response } = this;
    const status = response.headersSent ? response.statusCode : 0;
    const durationMs = performance.now() - this.#startedMs;
    this.context.observer.requestEnded(this.#route, status, durationMs);
  }

  bodyLate(why: LateBody): void {
    if (!this.response.headersSent) {
      answerLateBody(why, this.response, this.instance, this.context.options);
    } else if (this.#endDrain !== undefined) this.#endDrain();
    else if (why === 'idle') this.onBodyIdle?.();
  }

  halfClosed(): void {
    this.onHalfClosed?.();
  }

  stopping(): void {
    this.onStopping?.();
  }

  /** Answers with the error as a problem; what the contract does not know is logged and hidden. */
  fail(error: unknown, options: ProblemOptions = {}): void {
    const shown = toProtocolError(error, this.context.logger);
    if (this.isGone) return;
    const { request, response } = this;
    if (!response.headersSent) response.setHeader('X-Request-Id', requestIdOf(request));
    if (response.headersSent || request.complete || this.#restIsSmall()) {
      writeProblem(response, shown, this.instance, options);
      return;
    }
    this.#refuseUnread(shown, options);
  }

  /** Few enough bytes are still to come, and they come unasked. */
  #restIsSmall(): boolean {
    const { headers } = this.request;
    if (this.#expectsContinue || headers['transfer-encoding'] !== undefined) return false;
    return Number(headers['content-length'] ?? 0) <= DUMPED_BYTES_MAX;
  }

  /**
   * Answers a request whose body is not wanted and then ends the connection.
   *
   * Closing a socket with unread bytes resets it, and the client may lose the answer: so the answer
   * goes out whole, and the response is ended only after the body was drained.
   */
  #refuseUnread(error: ProtocolError, options: ProblemOptions): void {
    const { request, response } = this;
    const isWrite = isWriteMethod(request.method);
    const problem = problemDocument(error, this.instance, { isWrite, ...options });
    const body = problemBody(problem);
    response.writeHead(problem.status, [
      ...problemHeaders(error, problem.status, body.length),
      'Connection',
      'close',
    ]);
    response.write(body);
    const { requestBytesMax, bodyIdleTimeoutMs } = this.context.options;
    const limits = { bytesMax: requestBytesMax, timeoutMs: bodyIdleTimeoutMs };
    this.#endDrain = drainRequest(request, limits, (isLate) => {
      if (isLate) this.context.events.count('bodyUnread');
      response.end();
    });
  }
}
