import type { FastifyReply, FastifyRequest } from 'fastify';
import { FrameworkRequest } from '#http-front';
import { operationOf } from './serves.js';

/**
 * Smaller answers, such as problems, are always sent, so that a gateway without memory can still
 * answer.
 */
const ALWAYS_SENT_BYTES_MAX = 64 * 1024;

/**
 * Counts an answer of the control plane until its client has received it, and refuses a large one
 * without memory: a Fastify `onSend` hook, after all others. Clients determine the size of a list
 * of topics.
 */
export function countControlAnswer(
  request: FastifyRequest,
  _reply: FastifyReply,
  payload: unknown,
  done: (error: Error | null, payload?: unknown) => void,
): void {
  const isWhole = typeof payload === 'string' || Buffer.isBuffer(payload);
  const sizeBytes = isWhole ? Buffer.byteLength(payload) : 0;
  const isBounded = operationOf(request)?.plane === 'control';
  try {
    const mustHaveRoom = isBounded && sizeBytes > ALWAYS_SENT_BYTES_MAX;
    FrameworkRequest.of(request.raw)?.countAnswer(sizeBytes, mustHaveRoom);
    done(null, payload);
  } catch (error) {
    done(error as Error);
  }
}
