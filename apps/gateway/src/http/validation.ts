import { ValidationPipe } from '@nestjs/common';
import type { ValidationError } from 'class-validator';
import { type Fault, ProtocolError } from '#protocol';
import { CLIENT_MESSAGES } from '../ws/messages/socket-messages.js';
import { QUERIES } from './dto/queries.dto.js';

/** Checks bodies and queries against their DTOs; all faults are answered at once, with pointers. */
export function dtoPipe(): ValidationPipe {
  return new ValidationPipe({
    transform: true,
    whitelist: true,
    forbidNonWhitelisted: true,
    forbidUnknownValues: true,
    stopAtFirstError: true,
    validationError: { target: true, value: false },
    exceptionFactory: invalidRequest,
  });
}

function invalidRequest(errors: ValidationError[]): ProtocolError {
  const prefix = prefixOf(errors[0]?.target);
  const faults = errors.flatMap((error) => faultsOf(error, prefix));
  const [first] = faults;
  const detail =
    first === undefined
      ? 'The request is malformed.'
      : `${first.pointer}: ${first.detail}${faults.length > 1 ? `; and ${faults.length - 1} more` : ''}.`;
  return new ProtocolError('INVALID_REQUEST', detail, { faults });
}

/**
 * Faults of query parameters are named `?name`, those of a body's members `/name`, and those of a
 * WebSocket message, whose data is what is checked, `/data/name`.
 */
function prefixOf(target: object | undefined): string {
  if (QUERIES.some((query) => target instanceof query)) return '?';
  const isMessage = Object.values(CLIENT_MESSAGES).some(({ data }) => target instanceof data);
  return isMessage ? '/data/' : '/';
}

function faultsOf(error: ValidationError, prefix: string): Fault[] {
  const pointer = `${prefix}${escapePointer(error.property)}`;
  const unknown = prefix.startsWith('?') ? 'is not known here' : 'is not a known member';
  const own = Object.entries(error.constraints ?? {}).map(([constraint, message]) => ({
    pointer,
    detail: constraint === 'whitelistValidation' ? unknown : message,
  }));
  const nested = (error.children ?? []).flatMap((child) => faultsOf(child, `${pointer}/`));
  return [...own, ...nested];
}

/** RFC 6901, section 3. */
function escapePointer(member: string): string {
  return member.replaceAll('~', '~0').replaceAll('/', '~1');
}
