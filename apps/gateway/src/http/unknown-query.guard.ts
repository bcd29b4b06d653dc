import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { ROUTE_ARGS_METADATA, RouteParamtypes } from '@nestjs/common/internal';
import type { FastifyRequest } from 'fastify';
import { refuseQuery } from './validation.js';

/**
 * Refuses query parameters of operations without any; the DTO classes check those of the others.
 * Health, metrics and documents ignore them, because scrapers and caches add their own.
 */
export class UnknownQueryGuard implements CanActivate {
  /** @throws ProtocolError INVALID_REQUEST */
  canActivate(context: ExecutionContext): boolean {
    if (!takesQuery(context)) {
      const { query } = context.switchToHttp().getRequest<FastifyRequest>();
      refuseQuery(Object.keys(query as object));
    }
    return true;
  }
}

function takesQuery(context: ExecutionContext): boolean {
  const taken: unknown = Reflect.getMetadata(
    ROUTE_ARGS_METADATA,
    context.getClass(),
    context.getHandler().name,
  );
  // Keys of the arguments have the form `<kind>:<index>`.
  return Object.keys(taken ?? {}).some((key) => key.startsWith(`${RouteParamtypes.QUERY}:`));
}
