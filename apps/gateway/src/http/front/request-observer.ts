/** What a request that the front answered itself was. */
export type FrontRoute = 'produce' | 'fetch' | 'events' | 'refused';

/**
 * Where the metrics of the hot routes come from; called once a request, so it must be cheap.
 * Requests that were passed on are counted by the framework that answers them.
 */
export interface RequestObserver {
  /**
   * A request has left: answered, refused or gone; or the stream that answers it has begun.
   * @param status of the answer; 0 when the client went away before it began
   * @param durationMs from the end of the request's head
   */
  requestEnded(route: FrontRoute, status: number, durationMs: number): void;

  /** Records go out in an answer to a fetch: called once an answer, or once a part of a stream. */
  recordsSent(records: number, bytes: number): void;
}
