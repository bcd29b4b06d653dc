import { FaultList, ProtocolError } from '#protocol';
import { checkDto, type DtoPlace } from './dto-check.js';
import type { DtoClass } from './members.js';

/** The query of a request. */
export const QUERY: DtoPlace = { prefix: '?', unknownDetail: 'is not known here' };
/** The body of a request. */
export const BODY: DtoPlace = { prefix: '/', unknownDetail: 'is not a known member' };
/** The data of a message. */
export const MESSAGE: DtoPlace = { prefix: '/data/', unknownDetail: 'is not a known member' };

/**
 * Checks a value of a client against its class.
 * @param value an absent one is checked as an object without members
 * @returns the object for the handler, with the types of the class
 * @throws ProtocolError INVALID_REQUEST with pointers to the first faults
 */
export function readDto<Type extends DtoClass>(
  type: Type,
  value: unknown,
  place: DtoPlace,
): InstanceType<Type> {
  const object = value ?? {};
  if (typeof object !== 'object' || Array.isArray(object)) throw noObject(place);
  const faults = new FaultList();
  const read = checkDto(type, object as Readonly<Record<string, unknown>>, place, faults);
  if (faults.count > 0) throw invalidRequest(faults);
  return read as InstanceType<Type>;
}

/**
 * Refuses all parameters of a query, or members of a body, that has none.
 * @throws ProtocolError INVALID_REQUEST
 */
export function refuseAll(names: readonly string[], place: DtoPlace): void {
  const faults = new FaultList();
  for (const name of names) {
    if (faults.isFull) faults.countOne();
    else faults.add(place.prefix + name, place.unknownDetail);
  }
  if (faults.count > 0) throw invalidRequest(faults);
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
