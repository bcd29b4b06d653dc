import type { FastifyReply, FastifyRequest } from 'fastify';
import { hasLongList, jsonInSlices } from '#record-json';
import { inSlices } from '#runtime';

/**
 * Writes an answer with a long list in slices: a Fastify `preSerialization` hook. Answers of the
 * control plane have up to SLUICE_PARTITIONS_MAX items, each with up to
 * SLUICE_OFFSET_METADATA_BYTES_MAX.
 */
export async function serializeInSlices(
  _request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
): Promise<unknown> {
  if (!hasLongList(payload)) return payload;
  const bytes = await inSlices(jsonInSlices(payload));
  // Fastify sends bytes unchanged; its type allows only text.
  reply.serializer(() => bytes as unknown as string);
  return payload;
}
