/** Why the front ended a connection or a request, or held one back, by itself. */
export type FrontEvent =
  /** A connection without a request was closed for a new one. */
  | 'connectionDropped'
  /** A connection was refused: all others had a request. */
  | 'connectionRefused'
  /** No byte of a request came. */
  | 'connectionSilent'
  /** A connection was kept for so long without another request. */
  | 'keepAliveEnded'
  /** The head of a request did not come to its end in time. */
  | 'headLate'
  /** A body stood still. */
  | 'bodyLate'
  /** A body that nobody wants, behind its answer, did not come to its end in time. */
  | 'bodyUnread'
  /** A connection is not read from until some of its requests are answered. */
  | 'pipelineHeld'
  /** A connection was cut: there was no memory for the requests behind those in flight. */
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
