import { FaultList, ProtocolError } from '#protocol';

/** Decoded query parameters by name. */
export type Query = ReadonlyMap<string, string>;

const EMPTY: Query = new Map();

/**
 * Parses a query.
 * @param search without the question mark
 * @param accepted names of the accepted parameters
 * @throws ProtocolError INVALID_REQUEST that names each unknown, repeated or badly encoded
 *   parameter
 */
export function parseQuery(search: string, accepted: readonly string[]): Query {
  if (search === '') return EMPTY;
  const query = new Map<string, string>();
  /** Created for the first fault: hardly any query has one. */
  let faults: FaultList | undefined;
  for (let start = 0, end = 0; start < search.length; start = end + 1) {
    end = endOfPair(search, start);
    if (end === start) continue;
    const pair = search.slice(start, end);
    const equalsAt = pair.indexOf('=');
    const name = decode(equalsAt < 0 ? pair : pair.slice(0, equalsAt));
    const value = decode(equalsAt < 0 ? '' : pair.slice(equalsAt + 1));
    const detail = faultOf(name, value, query, accepted);
    if (detail !== undefined) {
      faults ??= new FaultList();
      faults.add(`?${name ?? ''}`, detail);
    } else if (name !== undefined && value !== undefined) query.set(name, value);
  }
  if (faults !== undefined) throw queryError(faults);
  return query;
}

function endOfPair(search: string, start: number): number {
  const end = search.indexOf('&', start);
  return end < 0 ? search.length : end;
}

/** @throws ProtocolError INVALID_REQUEST always */
export function refuseParameter(name: string, detail: string): never {
  const faults = new FaultList();
  faults.add(`?${name}`, detail);
  throw queryError(faults);
}

/** Reads a parameter that is a whole number; `byDefault` if it is absent. */
export function wholeNumber(
  query: Query,
  name: string,
  range: { readonly min: number; readonly max: number; readonly byDefault: number },
): number {
  const text = query.get(name);
  if (text === undefined) return range.byDefault;
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= range.min && number <= range.max) return number;
  return refuseParameter(
    name,
    `is ${JSON.stringify(text)}; accepted: a whole number from ${range.min} to ${range.max}`,
  );
}

/** Reads a parameter that is one of some words; `byDefault` if it is absent. */
export function oneOf<Word extends string>(
  query: Query,
  name: string,
  words: readonly Word[],
  byDefault: Word,
): Word {
  const text = query.get(name);
  if (text === undefined) return byDefault;
  const word = words.find((each) => each === text);
  if (word !== undefined) return word;
  return refuseParameter(name, `is ${JSON.stringify(text)}; accepted: ${words.join(', ')}`);
}

function queryError(faults: FaultList): ProtocolError {
  const sentences = faults.described.map((fault) => `${fault.pointer} ${fault.detail}`);
  const more = faults.count - sentences.length;
  if (more > 0) sentences.push(`and ${more} more`);
  return new ProtocolError(
    'INVALID_REQUEST',
    `Query parameter ${sentences.join('; ')}.`,
    faults.asOptions,
  );
}

function faultOf(
  name: string | undefined,
  value: string | undefined,
  query: Query,
  accepted: readonly string[],
): string | undefined {
  if (name === undefined || value === undefined) return 'is not percent-encoded UTF-8';
  if (!accepted.includes(name)) return `is not known here; accepted: ${accepted.join(', ')}`;
  return query.has(name) ? 'is given more than once' : undefined;
}

/** @returns undefined if the text is not percent-encoded UTF-8 */
function decode(text: string): string | undefined {
  if (!text.includes('%') && !text.includes('+')) return text;
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}
