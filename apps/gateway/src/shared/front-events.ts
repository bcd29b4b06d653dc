/** Reasons for which the front itself ended a connection or a request, or held one back. */
export type FrontEvent =
  /** A connection without a request was closed for a new one. */
  | 'connectionDropped'
  /** A connection was refused, because all others had a request. */
  | 'connectionRefused'
  /** No byte of a request arrived. */
  | 'connectionSilent'
  /** A connection was idle for the keep-alive time. */
  | 'keepAliveEnded'
  /** The head of a request was not complete in time. */
  | 'headLate'
  /** A body made no progress. */
  | 'bodyLate'
  /** An unwanted body after its answer was not complete in time. */
  | 'bodyUnread'
  /** A connection is paused until some of its requests are answered. */
  | 'pipelineHeld'
  /** A connection was cut, because there was no memory for requests after those in flight. */
  | 'pipelineCut'
  /** A request for a WebSocket was refused. */
  | 'upgradeRefused';

/** Counts the events of the front, from the start of the process. */
export class FrontEvents {
  readonly #totals: Record<FrontEvent, number> = {
    connectionDropped: 0,
    connectionRefused: 0,
    connectionSilent: 0,
    keepAliveEnded: 0,
    headLate: 0,
    bodyLate: 0,
    bodyUnread: 0,
    pipelineHeld: 0,
    pipelineCut: 0,
    upgradeRefused: 0,
  };

  get totals(): Readonly<Record<FrontEvent, number>> {
    return this.#totals;
  }

  count(event: FrontEvent): void {
    this.#totals[event] += 1;
  }
}
