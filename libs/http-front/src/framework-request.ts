import type { IncomingMessage, ServerResponse } from 'node:http';
import type { OperationSpec } from '#api';
import { HeldMemory } from '#runtime';
import type { Access } from '#security';
import { accessLoss } from './admission/access-loss.js';
import { UnreceivedAnswer } from './answer/unreceived-answer.js';
import { answerBodyTimeout, type BodyTimeout } from './body/body-timeout.js';
import type { InFlightRequest } from './connection/connection-table.js';
import type { ReceivedHead } from './exchange.js';
import type { FrontContext } from './front-context.js';
import type { FrontListener } from './front-listener.js';
import type { FoundOperation } from './operation-router.js';

const passedOn = new WeakMap<IncomingMessage, FrameworkRequest>();

/**
 * A request that the framework answers. It is counted here, and ended when its body stops arriving.
 */
export class FrameworkRequest implements InFlightRequest {
  readonly memory: HeldMemory;
  #expectsContinue: boolean;
  #isClosed = false;
  #untaken: UnreceivedAnswer | undefined;
  readonly #context: FrontContext;
  readonly #instance: string;
  /** The listener that received it. */
  readonly listener: FrontListener;
  readonly #found: FoundOperation | undefined;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Permissions of the caller. */
  readonly access: Access;
  /** The whole body, decompressed; undefined before it was read, and without one. */
  body: Buffer | undefined;
  /** The checked request, for the audit log; undefined before it is checked. */
  input: unknown;

  /** @param found the operation that it asks for; undefined if its listener serves none */
  constructor(
    context: FrontContext,
    head: ReceivedHead,
    access: Access,
    found: FoundOperation | undefined,
  ) {
    this.#context = context;
    this.#instance = head.listener.pathPrefix + head.path;
    this.listener = head.listener;
    this.#found = found;
    this.request = head.request;
    this.response = head.response;
    this.access = access;
    this.memory = new HeldMemory(context.memoryOf(access));
    this.#expectsContinue = head.expectation === 'continue';
    passedOn.set(head.request, this);
  }

  /** @returns undefined for a request that bypassed the front */
  static of(request: IncomingMessage): FrameworkRequest | undefined {
    return passedOn.get(request);
  }

  /** Operation that it asks for; undefined if its listener serves none by this path and method. */
  get operation(): OperationSpec | undefined {
    return this.#found?.operation;
  }

  /** Largest body of any request, in bytes. */
  get requestBytesMax(): number {
    return this.#context.options.requestBytesMax;
  }

  get isGone(): boolean {
    return this.#isClosed || this.response.destroyed;
  }

  /** @throws ProtocolError the error of a credential or a permission that is lost */
  assertStillPermitted(): void {
    const error = accessLoss(this.access, this.#found);
    if (error !== undefined) throw error;
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
    this.#untaken = new UnreceivedAnswer(this.response, sizeBytes, outbound);
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
    answerBodyTimeout(why, this.response, this.#instance, this.#context.options);
  }

  halfClosed(): void {
    // It is answered in its own time.
  }

  stopping(): void {
    // Control requests end by themselves.
  }
}
