/** Reasons for which the front itself ended a connection or a request, or held one back. */
export type FrontEvent =
  /** A connection without a request was closed for a new one. */
  | 'connectionDropped'
  /** A connection was refused, because all others had a request. */
  | 'connectionRefused'
  /** A connection without a credential was closed, because too many had none. */
  | 'unidentifiedDropped'
  /** A request without a credential was refused, because too many connections had none. */
  | 'unidentifiedRefused'
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
  | 'upgradeRefused'
  /** A TLS handshake was not complete in time. */
  | 'handshakeLate'
  /** A TLS handshake failed. */
  | 'handshakeFailed'
  /** A connection to the TLS port did not begin with a handshake. */
  | 'plainRefused'
  /** A client has no certificate although it needs one, or one that is not accepted. */
  | 'certificateRefused'
  /** A connection was closed, because its certificate is no longer trusted. */
  | 'certificateEnded';

/** Counts the events of the front, from the start of the process. */
export class FrontEvents {
  readonly #totals: Record<FrontEvent, number> = {
    connectionDropped: 0,
    connectionRefused: 0,
    unidentifiedDropped: 0,
    unidentifiedRefused: 0,
    connectionSilent: 0,
    keepAliveEnded: 0,
    headLate: 0,
    bodyLate: 0,
    bodyUnread: 0,
    pipelineHeld: 0,
    pipelineCut: 0,
    upgradeRefused: 0,
    handshakeLate: 0,
    handshakeFailed: 0,
    plainRefused: 0,
    certificateRefused: 0,
    certificateEnded: 0,
  };

  get totals(): Readonly<Record<FrontEvent, number>> {
    return this.#totals;
  }

  count(event: FrontEvent): void {
    this.#totals[event] += 1;
  }
}
