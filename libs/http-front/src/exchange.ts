import type { IncomingMessage, ServerResponse } from 'node:http';
import { isWriteMethod, type ProblemOptions, problemDocument } from '#api';
import type { ProtocolError } from '#protocol';
import { drainRequest, HeldMemory } from '#runtime';
import type { Access } from '#security';
import { accessLoss } from './admission/access-loss.js';
import type { AdmittedUse } from './admission/wait-for-turn.js';
import { problemBody, problemHeaders, writeProblem } from './answer/problem-answer.js';
import { requestIdOf } from './answer/request-id.js';
import { UnreceivedAnswer } from './answer/unreceived-answer.js';
import { answerBodyTimeout, type BodyTimeout } from './body/body-timeout.js';
import type { BodyBound, BodyReceiver } from './body/request-body.js';
import type { InFlightRequest } from './connection/connection-table.js';
import type { ExchangeWatcher } from './exchange-watcher.js';
import type { FrontContext } from './front-context.js';
import type { FrontListener } from './front-listener.js';
import type { FoundOperation } from './operation-router.js';
import type { FrontRoute } from './request-observer.js';

/** A remaining body of a refused request up to this size is read instead of cut off. */
const DUMPED_BYTES_MAX = 64 * 1024;

const NO_WATCHERS: readonly ExchangeWatcher[] = [];

/** A request whose head has arrived, with its response. */
export interface ReceivedHead {
  /** The listener that received the request. */
  readonly listener: FrontListener;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Percent-encoded, as received. */
  readonly path: string;
  /** Query of the URL, without the question mark. */
  readonly search: string;
  /** The `Expect` header: undefined without one, `unknown` if the front does not serve it. */
  readonly expectation: 'continue' | 'unknown' | undefined;
  /** Time at which it was handled or, after a wait for its caller, dispatched; monotonic, ms. */
  startedMs: number;
}

/** The route that a request takes, and its caller. */
export interface RouteOfExchange {
  readonly route: FrontRoute;
  /** Permissions of the caller; they may change while the exchange lasts. */
  readonly access: Access;
  /** The operation, whose needs are checked again while the exchange lasts; or undefined. */
  readonly found: FoundOperation | undefined;
}

/** One request of a hot route with its response. It owns the memory of both and their end. */
export class Exchange implements InFlightRequest, BodyReceiver {
  readonly context: FrontContext;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: string;
  readonly search: string;
  /** The request in problems: its path as the client sees it. */
  readonly instance: string;
  readonly memory: HeldMemory;
  /** Permissions of the caller. */
  readonly access: Access;
  readonly #found: FoundOperation | undefined;
  #isGuarded = false;
  readonly #route: FrontRoute;
  #expectsContinue: boolean;
  /** Ends the reading of an unwanted body. */
  #endDrain: (() => void) | undefined;
  #isClosed = false;
  #watchers: readonly ExchangeWatcher[] = NO_WATCHERS;
  #isObserved = false;
  #untaken: UnreceivedAnswer | undefined;
  /** End of the request's head, monotonic clock. */
  readonly #startedMs: number;

  /** Hot: a copy of the head for each request would cost more than all that is done here. */
  constructor(
    context: FrontContext,
    head: ReceivedHead,
    { route, access, found }: RouteOfExchange,
  ) {
    this.context = context;
    this.request = head.request;
    this.response = head.response;
    this.path = head.path;
    this.search = head.search;
    this.instance = head.listener.pathPrefix + head.path;
    this.memory = new HeldMemory(context.memoryOf(access));
    this.access = access;
    this.#found = found;
    this.#route = route;
    this.#startedMs = head.startedMs;
    this.#expectsContinue = head.expectation === 'continue';
  }

  /** True if the client has disconnected or got its answer: nothing more can be sent. */
  get isGone(): boolean {
    return this.#isClosed || this.response.destroyed;
  }

  get bodyBytesMax(): number {
    return this.context.options.requestBytesMax;
  }

  get bodyBound(): BodyBound {
    return 'SLUICE_REQUEST_BYTES_MAX';
  }

  /** Notifies the watcher of everything that happens from now on. */
  watch(watcher: ExchangeWatcher): void {
    this.#watchers = [...this.#watchers, watcher];
  }

  unwatch(watcher: ExchangeWatcher): void {
    this.#watchers = this.#watchers.filter((each) => each !== watcher);
  }

  /**
   * Notifies the watchers once when the caller loses the credential or a permission on what the
   * path names. Call it for an exchange that may last.
   */
  guard(): void {
    const { openUses } = this.context;
    if (openUses === undefined || this.#isGuarded || this.isGone) return;
    this.#isGuarded = true;
    const { access } = this;
    const release = openUses.add({
      access,
      recheck: () => {
        const error = accessLoss(access, this.#found);
        if (error === undefined) return;
        release();
        for (const watcher of this.#watchers) watcher.accessLost?.(error);
      },
    });
    this.watch({ closed: release });
  }

  assertStillPermitted(isLate: boolean): void {
    const error = accessLoss(this.access, this.#found, isLate ? undefined : this.#startedMs);
    if (error !== undefined) throw error;
  }

  /** The operation that the caller was admitted to. */
  get admittedUse(): AdmittedUse {
    return { access: this.access, found: this.#found };
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
    for (const watcher of this.#watchers) watcher.closed?.();
  }

  /**
   * Counts a completely written answer until its client has received it; one that was received at
   * once costs nothing. Call it once.
   */
  countUnreceived(sizeBytes: number): void {
    // An answer that waits behind others of its connection is not finished either.
    if (this.isGone || this.response.writableFinished || sizeBytes === 0) return;
    this.#untaken = new UnreceivedAnswer(this.response, sizeBytes, this.context.outbound);
  }

  /**
   * Counts the request as answered, once: at the beginning of a stream, because its duration is no
   * latency.
   */
  observe(): void {
    if (this.#isObserved) return;
    this.#isObserved = true;
    const { response } = this;
    const status = response.headersSent ? response.statusCode : 0;
    const durationMs = this.context.clock.monotonicMs() - this.#startedMs;
    this.context.observer.requestEnded(this.#route, status, durationMs);
  }

  bodyTimedOut(why: BodyTimeout): void {
    if (!this.response.headersSent) {
      answerBodyTimeout(why, this.response, this.instance, this.context.options);
    } else if (this.#endDrain !== undefined) this.#endDrain();
    else if (why === 'idle') for (const watcher of this.#watchers) watcher.bodyIdle?.();
  }

  halfClosed(): void {
    for (const watcher of this.#watchers) watcher.halfClosed?.();
  }

  stopping(): void {
    for (const watcher of this.#watchers) watcher.stopping?.();
  }

  /** Answers with the error as a problem; errors outside the contract are logged and hidden. */
  fail(error: unknown, options: ProblemOptions = {}): void {
    const shown = this.context.errors.toProtocolError(error);
    if (this.isGone) return;
    const { request, response } = this;
    if (!response.headersSent) response.setHeader('X-Request-Id', requestIdOf(request));
    if (response.headersSent || request.complete || this.#restIsSmall()) {
      writeProblem(response, shown, this.instance, options);
    } else this.#refuseUnread(shown, options);
    this.#auditRefusal();
  }

  /** Reports a refusal by a handler; those by the front itself have no operation here. */
  #auditRefusal(): void {
    const { request, response, access } = this;
    if (this.#found === undefined) return;
    this.context.audit?.answered({ request, response, found: this.#found, caller: access.caller });
  }

  /**
   * True when only few bytes are still to come, and the client sends them without `100 Continue`.
   */
  #restIsSmall(): boolean {
    const { headers } = this.request;
    if (this.#expectsContinue || headers['transfer-encoding'] !== undefined) return false;
    return Number(headers['content-length'] ?? 0) <= DUMPED_BYTES_MAX;
  }

  /**
   * Answers a request without its body and then ends the connection.
   *
   * Closing a socket with unread bytes resets it, and the client may lose the answer. Therefore the
   * answer is sent completely, and the response is ended only after the body was drained.
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
