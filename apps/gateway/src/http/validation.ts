import { ValidationPipe } from '@nestjs/common';
import type { ValidationError } from 'class-validator';
import { type Fault, ProtocolError } from '#protocol';
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
  const prefix = isQuery(errors[0]?.target) ? '?' : '/';
  const faults = errors.flatMap((error) => faultsOf(error, prefix));
  const [first] = faults;
  const detail =
    first === undefined
      ? 'The request is malformed.'
      : `${first.pointer}: ${first.detail}${faults.length > 1 ? `; and ${faults.length - 1} more` : ''}.`;
  return new ProtocolError('INVALID_REQUEST', detail, { faults });
}

/** Faults of query parameters are named `?name`, those of a body's members `/name`. */
function isQuery(target: object | undefined): boolean {
  return QUERIES.some((query) => target instanceof query);
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
