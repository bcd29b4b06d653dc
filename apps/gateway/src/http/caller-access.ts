import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { FrameworkRequest } from '#http-front';
import { type Access, NO_ACCESS } from '#security';

/** Gives a method of a controller the permissions of the caller, as the front has found them. */
export const CallerAccess = createParamDecorator((_: unknown, context: ExecutionContext) =>
  accessOf(context.switchToHttp().getRequest<FastifyRequest>()),
);

/** A request that the front has not passed on may do nothing. */
function accessOf({ raw }: FastifyRequest): Access {
  return FrameworkRequest.of(raw)?.access ?? NO_ACCESS;
}
