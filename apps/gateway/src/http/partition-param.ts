import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { partitionNumber } from './front/target.js';

/**
 * `{partition}` of the path, as a number. Not a pipe: Nest's own would have made a number of the
 * text before, and takes `01`, `1e1` and `0x1` for one.
 */
export const PartitionParam = createParamDecorator((_: unknown, context: ExecutionContext) =>
  partitionOf(context.switchToHttp().getRequest<FastifyRequest>().params),
);

function partitionOf(params: unknown): number {
  return partitionNumber(String((params as Readonly<Record<string, unknown>>)['partition']));
}
