import type { ArgumentMetadata, PipeTransform } from '@nestjs/common';
import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify';
import { ProtocolError } from '#protocol';
import { ElectLeaderDto } from './dto/elect-leader.dto.js';

/** Bodies that a request may omit, because all of their members have defaults. */
const OPTIONAL_BODIES: readonly unknown[] = [ElectLeaderDto];

/**
 * Removes the headers that describe a body from a request without a body: a Fastify `onRequest`
 * hook. Many clients send `Content-Type` with every request.
 */
export function ignoreHeadersOfAbsentBody(
  request: FastifyRequest,
  _reply: FastifyReply,
  done: HookHandlerDoneFunction,
): void {
  const { headers } = request;
  const isAbsent =
    headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0;
  if (isAbsent) {
    delete headers['content-type'];
    delete headers['content-encoding'];
  }
  done();
}

/** Refuses a request without a required body, before its members are checked. */
export class BodyPresencePipe implements PipeTransform {
  /** @throws ProtocolError INVALID_REQUEST */
  transform(value: unknown, { type, metatype }: ArgumentMetadata): unknown {
    if (value !== undefined || type !== 'body' || OPTIONAL_BODIES.includes(metatype)) return value;
    const detail = 'The body is missing; a JSON object is expected.';
    throw new ProtocolError('INVALID_REQUEST', detail, { faults: [{ pointer: '', detail }] });
  }
}
