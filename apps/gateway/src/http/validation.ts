import type { ArgumentMetadata, PipeTransform } from '@nestjs/common';
import { FaultList, ProtocolError } from '#protocol';
import { CLIENT_MESSAGES } from '../ws/messages/socket-messages.js';
import { checkDto, type DtoPlace } from './dto/dto-check.js';
import type { DtoClass } from './dto/members.js';

/** Types of parameters that are not our classes. */
const BUILT_IN: readonly unknown[] = [String, Boolean, Number, Array, Object, undefined];

/**
 * Checks bodies, queries and messages against their classes; the first faults are answered with
 * pointers.
 */
export class DtoPipe implements PipeTransform {
  transform(given: unknown, { type, metatype }: ArgumentMetadata): unknown {
    if ((type !== 'body' && type !== 'query') || BUILT_IN.includes(metatype)) return given;
    // Operations whose body has no required member allow an absent body.
    const value = given ?? {};
    const dto = metatype as DtoClass;
    const place = type === 'query' ? QUERY : placeOf(dto);
    if (typeof value !== 'object' || Array.isArray(value)) throw noObject(place);
    const faults = new FaultList();
    const taken = checkDto(dto, value as Record<string, unknown>, place, faults);
    if (faults.count > 0) throw invalidRequest(faults);
    return taken;
  }
}

/**
 * Refuses all parameters of a query without any.
 * @throws ProtocolError INVALID_REQUEST
 */
export function refuseQuery(names: readonly string[]): void {
  const faults = new FaultList();
  for (const name of names) {
    if (faults.isFull) faults.countOne();
    else faults.add(`?${name}`, QUERY.unknownDetail);
  }
  if (faults.count > 0) throw invalidRequest(faults);
}

const QUERY: DtoPlace = { prefix: '?', unknownDetail: 'is not known here' };
const BODY: DtoPlace = { prefix: '/', unknownDetail: 'is not a known member' };
const MESSAGE: DtoPlace = { prefix: '/data/', unknownDetail: 'is not a known member' };

const MESSAGE_CLASSES = new Set<unknown>(Object.values(CLIENT_MESSAGES).map(({ data }) => data));

function placeOf(dto: DtoClass): DtoPlace {
  return MESSAGE_CLASSES.has(dto) ? MESSAGE : BODY;
}

function noObject({ prefix }: DtoPlace): ProtocolError {
  const detail = 'a JSON object is expected';
  return new ProtocolError('INVALID_REQUEST', 'A JSON object is expected.', {
    faults: [{ pointer: prefix.slice(0, -1), detail }],
  });
}

function invalidRequest(faults: FaultList): ProtocolError {
  const { count, described } = faults;
  const [first] = described;
  const more = count > 1 ? `; and ${count - 1} more` : '';
  const detail = `${first?.pointer}: ${first?.detail}${more}.`;
  return new ProtocolError('INVALID_REQUEST', detail, faults.asOptions);
}
