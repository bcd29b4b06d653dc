import type { IncomingMessage, ServerResponse } from 'node:http';
import type { InFlightRequest } from './connection-table.js';
import type { FrontContext } from './front-context.js';
import { answerLateBody, type LateBody } from './late-body.js';

/** A request that the framework answers: counted here, and ended when its body stops coming. */
export class PassedOnRequest implements InFlightRequest {
  #isClosed = false;

  constructor(
    private readonly context: FrontContext,
    readonly request: IncomingMessage,
    readonly response: ServerResponse,
    private readonly path: string,
  ) {}

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.context.connections.countFinished();
  }

  bodyLate(why: LateBody): void {
    if (this.response.headersSent) return;
    answerLateBody(why, this.response, this.path, this.context.options);
  }

  halfClosed(): void {
    // It is answered in its own time.
  }

  stopping(): void {
    // Control requests end by themselves.
  }
}
