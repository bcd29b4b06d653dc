import type { IncomingMessage, ServerResponse } from 'node:http';
import { writeProblem } from '../problem.js';
import type { InFlightRequest } from './connection-table.js';
import { bodyIdleError } from './exchange.js';
import type { FrontContext } from './front-context.js';

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

  bodyIdle(): void {
    const error = bodyIdleError(this.context.options.bodyIdleTimeoutMs);
    this.response.shouldKeepAlive = false;
    writeProblem(this.response, error, this.path, { status: 408 });
  }

  halfClosed(): void {
    // It is answered in its own time.
  }

  stopping(): void {
    // Control requests end by themselves.
  }
}
