import { type OutgoingHttpHeader, type OutgoingHttpHeaders, ServerResponse } from 'node:http';

/**
 * Headers of every answer, names and values in turn. Values of records are untrusted bytes, and a
 * browser must not treat them as a page or a script.
 */
export const COMMON_HEADERS: readonly string[] = ['X-Content-Type-Options', 'nosniff'];

type Headers = OutgoingHttpHeaders | OutgoingHttpHeader[];

/** A response of the public listener: every answer gets `COMMON_HEADERS`. */
export class FrontResponse extends ServerResponse {
  /** node:http calls this itself if a response is written without a head. */
  override writeHead(status: number, reasonOrHeaders?: string | Headers, headers?: Headers): this {
    const isReason = typeof reasonOrHeaders === 'string';
    const all = withAlwaysSent(isReason ? headers : reasonOrHeaders);
    return isReason ? super.writeHead(status, reasonOrHeaders, all) : super.writeHead(status, all);
  }
}

function withAlwaysSent(headers: Headers | undefined): Headers {
  if (Array.isArray(headers)) return [...headers, ...COMMON_HEADERS];
  return { ...headers, [COMMON_HEADERS[0] as string]: COMMON_HEADERS[1] };
}
