import type { FastifyReply, FastifyRequest } from 'fastify';
import { hasLongList, jsonInSlices } from '#record-json';
import { inSlices } from '#runtime';

/**
 * Writes an answer with a long list in slices: a Fastify `preSerialization` hook. Answers of the
 * control plane have up to SLUICE_PARTITIONS_MAX items, each with up to
 * SLUICE_OFFSET_METADATA_BYTES_MAX.
 * @param done called at once for an answer without a long list
 * @returns a promise of the payload if it takes slices, and then `done` is not called
 */
export function serializeInSlices(
  _request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
  done: (error: null, payload: unknown) => void,
): Promise<unknown> | undefined {
  if (hasLongList(payload)) return serialized(reply, payload);
  done(null, payload);
  return undefined;
}

async function serialized(reply: FastifyReply, payload: unknown): Promise<unknown> {
  const bytes = await inSlices(jsonInSlices(payload));
  // Fastify sends bytes unchanged; its type allows only text.
  reply.serializer(() => bytes as unknown as string);
  return payload;
}
