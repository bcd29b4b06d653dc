import { type OutgoingHttpHeader, type OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { requestIdOf } from './request-id.js';

/**
 * Headers of every answer, names and values in turn. Values of records are untrusted bytes, and a
 * browser must not treat them as a page or a script.
 */
export const COMMON_HEADERS: readonly string[] = ['X-Content-Type-Options', 'nosniff'];

type Headers = OutgoingHttpHeaders | OutgoingHttpHeader[];

/**
 * A response of the public listener: every answer gets `COMMON_HEADERS`, and the id of its request
 * if the client sent one.
 */
export class FrontResponse extends ServerResponse {
  /** node:http calls this itself if a response is written without a head. */
  override writeHead(status: number, reasonOrHeaders?: string | Headers, headers?: Headers): this {
    const isReason = typeof reasonOrHeaders === 'string';
    const given = isReason ? headers : reasonOrHeaders;
    if (this.req.headers['x-request-id'] !== undefined && !namesRequestId(given)) {
      this.setHeader('X-Request-Id', requestIdOf(this.req));
    }
    const all = withAlwaysSent(given);
    return isReason ? super.writeHead(status, reasonOrHeaders, all) : super.writeHead(status, all);
  }
}

function withAlwaysSent(headers: Headers | undefined): Headers {
  if (Array.isArray(headers)) return [...headers, ...COMMON_HEADERS];
  return { ...headers, [COMMON_HEADERS[0] as string]: COMMON_HEADERS[1] };
}

/** True if the framework, which writes names in lower case, sends the id itself. */
function namesRequestId(headers: Headers | undefined): boolean {
  return headers !== undefined && !Array.isArray(headers) && 'x-request-id' in headers;
}
