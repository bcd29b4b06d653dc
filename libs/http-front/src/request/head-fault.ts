import type { IncomingMessage } from 'node:http';
import { ProtocolError } from '#protocol';

/** Reason for refusing the head of a request, and its status. */
export interface HeadFault {
  readonly error: ProtocolError;
  readonly status: number;
}

const ABSOLUTE_TARGET = /^https?:\/\/([^/?#]*)/i;

/**
 * Returns the fault of a request's head, independent of the route (RFC 9112, sections 3.2 and 6.1).
 * The authority of a target in absolute form replaces the Host header.
 */
export function headFault(request: IncomingMessage): HeadFault | undefined {
  const { headers, url = '' } = request;
  const coding = headers['transfer-encoding'];
  if (coding !== undefined && coding.trim().toLowerCase() !== 'chunked') {
    const detail = `The Transfer-Encoding is ${JSON.stringify(coding)}; only chunked is served.`;
    return { error: new ProtocolError('INVALID_REQUEST', detail), status: 501 };
  }
  const hosts = hostCount(request.rawHeaders);
  if (hosts > 1) return badHost('The request has more than one Host header.');
  if (hosts === 0 && request.httpVersion === '1.1') {
    return badHost('The request has no Host header; HTTP/1.1 requires one.');
  }
  const authority = url.startsWith('/') ? undefined : ABSOLUTE_TARGET.exec(url)?.[1];
  if (authority !== undefined) headers.host = authority;
  return undefined;
}

/** Returns the answer to CONNECT. */
export function connectMethodError(): ProtocolError {
  return new ProtocolError(
    'INVALID_REQUEST',
    'This gateway is not a proxy: it does not serve CONNECT.',
  );
}

function badHost(detail: string): HeadFault {
  return { error: new ProtocolError('INVALID_REQUEST', detail), status: 400 };
}

function hostCount(rawHeaders: readonly string[]): number {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string;
    if (name.length === 4 && name.toLowerCase() === 'host') count += 1;
  }
  return count;
}

/** The error for a request with another expectation than 100-continue. */
export function unknownExpectationError({ headers }: IncomingMessage): ProtocolError {
  const expected = JSON.stringify(headers.expect);
  const detail = `Expect: ${expected} is not supported; only 100-continue is.`;
  return new ProtocolError('INVALID_REQUEST', detail, { outcome: 'failed' });
}
