import type { FastifyRequest } from 'fastify';
import { ProtocolError } from '#protocol';

/**
 * The body of a control-plane request: one JSON object.
 * @throws ProtocolError INVALID_REQUEST with the position of the fault
 */
export function parseJsonBody(_request: FastifyRequest, bytes: Buffer): object {
  if (bytes.length === 0) throw malformed('The body is empty; a JSON object is expected.');
  const body: unknown = parse(bytes);
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body;
  throw malformed('The body must be a JSON object.');
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw malformed('The body is not JSON.', cause);
  }
}

function malformed(detail: string, cause?: unknown): ProtocolError {
  return new ProtocolError('INVALID_REQUEST', detail, {
    faults: [{ pointer: '', detail }],
    ...(cause === undefined ? {} : { cause }),
  });
}
