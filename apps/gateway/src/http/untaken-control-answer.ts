import type { FastifyReply, FastifyRequest } from 'fastify';
import { PassedOnRequest } from './front/passed-on-request.js';

/**
 * Smaller answers, such as problems, are always sent, so that a gateway without memory can still
 * answer.
 */
const ALWAYS_SENT_BYTES_MAX = 64 * 1024;
/** Paths of the contract; health and metrics are always answered. */
const CONTRACT_PATHS = '/v1/';

/**
 * Counts an answer of the control plane until its client has received it, and refuses a large one
 * without memory: a Fastify `onSend` hook, after all others. Clients determine the size of a list
 * of topics.
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
