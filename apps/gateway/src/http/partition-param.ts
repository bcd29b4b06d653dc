import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { partitionNumber } from './front/target.js';

/**
 * Reads `{partition}` of the path as a number. It is not a pipe, because Nest converts the text
 * first and accepts `01`, `1e1` and `0x1`.
 */
export const PartitionParam = createParamDecorator((_: unknown, context: ExecutionContext) =>
  partitionOf(context.switchToHttp().getRequest<FastifyRequest>().params),
);

function partitionOf(params: unknown): number {
  return partitionNumber(String((params as Readonly<Record<string, unknown>>)['partition']));
}
