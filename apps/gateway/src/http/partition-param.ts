import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { ProtocolError } from '#protocol';

/**
 * `{partition}` of the path, as a number. Not a pipe: Nest's own would have made a number of the text
 * before, and takes `01`, `1e1` and `0x1` for one.
 */
export const PartitionParam = createParamDecorator((_: unknown, context: ExecutionContext) =>
  partitionOf(context.switchToHttp().getRequest<FastifyRequest>().params),
);

function partitionOf(params: unknown): number {
  const text = String((params as Readonly<Record<string, unknown>>)['partition']);
  if (/^(0|[1-9]\d{0,9})$/.test(text)) return Number(text);
  throw new ProtocolError(
    'INVALID_REQUEST',
    `The partition in the path is ${JSON.stringify(text)}; it is a whole number from 0.`,
  );
}
