import type { FastifyReply, FastifyRequest } from 'fastify';
import { PassedOnRequest } from './front/passed-on-request.js';

/**
 * Smaller answers always go out, such as problems, so that a gateway without memory can still be
 * asked.
 */
const ALWAYS_SENT_BYTES_MAX = 64 * 1024;
/** Paths of the contract; health and metrics are answered whatever clients take. */
const CONTRACT_PATHS = '/v1/';

/**
 * Counts an answer of the control plane until its client has taken it, and refuses a large one
 * without room: a Fastify `onSend` hook, behind all others. A list of topics is as large as clients
 * made it.
 */
export function countControlAnswer(
  { raw }: FastifyRequest,
  _reply: FastifyReply,
  payload: unknown,
  done: (error: Error | null, payload?: unknown) => void,
): void {
  const isWhole = typeof payload === 'string' || Buffer.isBuffer(payload);
  const sizeBytes = isWhole ? Buffer.byteLength(payload) : 0;
  const isOfContract = raw.url?.startsWith(CONTRACT_PATHS) === true;
  try {
    const mustHaveRoom = isOfContract && sizeBytes > ALWAYS_SENT_BYTES_MAX;
    PassedOnRequest.of(raw)?.countAnswer(sizeBytes, mustHaveRoom);
    done(null, payload);
  } catch (error) {
    done(error as Error);
  }
}
