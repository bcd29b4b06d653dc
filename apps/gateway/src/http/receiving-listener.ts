import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { FrameworkRequest, type FrontListener } from '#http-front';
import { assert } from '#runtime';

/** Gives a method of a controller the listener that received the request. */
export const ReceivingListener = createParamDecorator((_: unknown, context: ExecutionContext) =>
  listenerOf(context.switchToHttp().getRequest<FastifyRequest>()),
);

/** Returns the listener that received a request. */
export function listenerOf({ raw }: FastifyRequest): FrontListener {
  const passedOn = FrameworkRequest.of(raw);
  assert(passedOn !== undefined, 'a request reached the framework without the front');
  return passedOn.listener;
}
