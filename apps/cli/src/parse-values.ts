import { InvalidArgumentError } from 'commander';

/** Parses an option that is a whole number of at least `least`. */
export function wholeNumber(least = 0): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`It must be a whole number of at least ${least}.`);
  };
}

/** Collects the values of an option that may be repeated, each of the form name=value. */
export function nameValue(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const { name, value } = pairOf(text);
  return { ...before, [name]: value };
}

/** Collects repeated name=value options as a list, because names may repeat. */
export function nameValueList(
  text: string,
  before: readonly { readonly key: string; readonly value: string }[] = [],
): { readonly key: string; readonly value: string }[] {
  const { name, value } = pairOf(text);
  return [...before, { key: name, value }];
}

/** Collects the texts of an option that may be repeated. */
export function textList(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}

/** Collects the partitions of an option that may be repeated. */
export function partitionList(text: string, before: readonly number[] = []): number[] {
  return [...before, wholeNumber()(text)];
}

/** A position in a log as people write it. */
export type PositionText =
  | { readonly kind: 'earliest' | 'latest' }
  | { readonly kind: 'offset'; readonly offset: number }
  | { readonly kind: 'timestamp'; readonly timestamp: number };

/** Parses `earliest`, `latest`, an offset, or a time in ISO 8601. */
export function position(text: string): PositionText {
  if (text === 'earliest' || text === 'latest') return { kind: text };
  if (/^\d+$/.test(text)) return { kind: 'offset', offset: Number(text) };
  const timestamp = isoTime(text);
  if (timestamp !== undefined) return { kind: 'timestamp', timestamp };
  throw new InvalidArgumentError(
    'It must be "earliest", "latest", an offset, or a time such as 2026-05-01T12:00:00Z.',
  );
}

/** Returns a time of ISO 8601 as ms since the epoch; undefined if it is none. */
export function isoTime(text: string): number | undefined {
  if (!/^\d{4}-\d{2}-\d{2}/.test(text)) return undefined;
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}

function pairOf(text: string): { readonly name: string; readonly value: string } {
  const at = text.indexOf('=');
  if (at <= 0) throw new InvalidArgumentError('It must have the form name=value.');
  return { name: text.slice(0, at), value: text.slice(at + 1) };
}
