import type { DataRoute } from '#api';

/** Routes of requests that the front answered itself. */
export type FrontRoute = DataRoute | 'refused';

/**
 * Receives the metrics of the hot routes; called once per request, so it must be cheap. The
 * framework counts the requests that were passed on.
 */
export interface RequestObserver {
  /**
   * Called when a request was answered, refused or aborted, or the stream that answers it has
   * begun.
   * @param status status of the answer; 0 if the client disconnected before it began
   * @param durationMs time from the end of the request's head
   */
  requestEnded(route: FrontRoute, status: number, durationMs: number): void;

  /**
   * Called when records are sent in the answer to a fetch: once per answer, or per part of a
   * stream.
   */
  recordsSent(records: number, bytes: number): void;
}
