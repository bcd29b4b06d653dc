import type { IncomingMessage, ServerResponse } from 'node:http';
import { HeldMemory } from '#runtime';
import { answerBodyTimeout, type BodyTimeout } from './body-timeout.js';
import type { InFlightRequest } from './connection-table.js';
import type { FrontContext } from './front-context.js';
import { UntakenAnswer } from './untaken-answer.js';

const passedOn = new WeakMap<IncomingMessage, PassedOnRequest>();

/**
 * A request that the framework answers. It is counted here, and ended when its body stops arriving.
 */
export class PassedOnRequest implements InFlightRequest {
  readonly memory: HeldMemory;
  #expectsContinue: boolean;
  #isClosed = false;
  #untaken: UntakenAnswer | undefined;
  readonly #context: FrontContext;
  readonly #path: string;

  constructor(
    context: FrontContext,
    readonly request: IncomingMessage,
    readonly response: ServerResponse,
    path: string,
    expectsContinue: boolean,
  ) {
    this.#context = context;
    this.#path = path;

    this.memory = new HeldMemory(context.memory);
    this.#expectsContinue = expectsContinue;
    passedOn.set(request, this);
  }

  /** @returns undefined for a request that bypassed the front */
  static of(request: IncomingMessage): PassedOnRequest | undefined {
    return passedOn.get(request);
  }

  get isGone(): boolean {
    return this.#isClosed || this.response.destroyed;
  }

  askForBody(): void {
    if (!this.#expectsContinue) return;
    this.#expectsContinue = false;
    this.response.writeContinue();
  }

  /**
   * Counts an answer from before it is sent until its client has received it.
   * @throws ProtocolError THROTTLING_QUOTA_EXCEEDED if it must fit and there is no room
   */
  countAnswer(sizeBytes: number, mustHaveRoom: boolean): void {
    if (this.isGone || sizeBytes === 0) return;
    const { outbound } = this.#context;
    if (mustHaveRoom) outbound.assertRoomFor(sizeBytes);
    this.#untaken?.end();
    this.#untaken = new UntakenAnswer(this.response, sizeBytes, outbound);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.memory.close();
    this.#untaken?.end();
    this.#context.connections.countFinished();
  }

  bodyTimedOut(why: BodyTimeout): void {
    if (this.response.headersSent) return;
    const { options, pathPrefix } = this.#context;
    answerBodyTimeout(why, this.response, pathPrefix + this.#path, options);
  }

  halfClosed(): void {
    // It is answered in its own time.
  }

  stopping(): void {
    // Control requests end by themselves.
  }
}
