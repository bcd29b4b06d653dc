import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FrontListener } from '../front-listener.js';
import { corsHeaders, preflightHeaders } from './origin-policy.js';

/**
 * Lets an allowed page of another origin read the answer; returns true if the request was only a
 * preflight.
 */
export function answerCors(
  listener: FrontListener,
  request: IncomingMessage,
  response: ServerResponse,
): boolean {
  const { headers, method } = request;
  if (headers.origin === undefined || !listener.isCrossOrigin(headers)) return false;
  for (const [name, value] of corsHeaders(headers.origin)) response.setHeader(name, value);
  if (method !== 'OPTIONS' || headers['access-control-request-method'] === undefined) {
    return false;
  }
  for (const [name, value] of preflightHeaders(headers)) response.setHeader(name, value);
  response.writeHead(204).end();
  return true;
}
