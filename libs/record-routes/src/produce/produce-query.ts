import { INT32_MAX, PRODUCE_TIMEOUT_MS_DEFAULT, queryParametersOf } from '#api';
import type { Acks } from '#broker';
import { oneOf, parseQuery, refuseParameter, wholeNumber } from '#http-front';

/** The operation `produce` takes the parameters of all its forms, and one that tells a value. */
const PRODUCE_PARAMETERS = [
  ...queryParametersOf('produce', 'produceValue', 'produceLines'),
  'body',
];

/** Parsed queries that are cached, because producers send the same query repeatedly. */
const REMEMBERED_MAX = 256;

/** The parsed query of a produce request. */
export interface ProduceQuery {
  readonly acks: Acks;
  readonly timeoutMs: number;
  readonly partitioner: 'sticky' | 'roundrobin';
  /** Partition of every record. */
  readonly partition: number | undefined;
  /** Key of a raw record, or of every line that is a value. */
  readonly key: string | undefined;
  /** The body is one record's value, whatever its type. */
  readonly isValue: boolean;
  /** Each line of the body is the value of one record, as JSON where it is JSON, or as text. */
  readonly lines: 'value' | 'text' | undefined;
  /** Lines that an NDJSON answer reports. */
  readonly report: 'all' | 'errors';
}

const remembered = new Map<string, ProduceQuery>();

/** @throws ProtocolError INVALID_REQUEST */
export function produceQuery(search: string): ProduceQuery {
  const known = remembered.get(search);
  if (known !== undefined) return known;
  const parsed = parse(search);
  // Keys differ from request to request, so their queries are not cached.
  if (parsed.key === undefined) {
    if (remembered.size >= REMEMBERED_MAX) remembered.clear();
    remembered.set(search, parsed);
  }
  return parsed;
}

function parse(search: string): ProduceQuery {
  const query = parseQuery(search, PRODUCE_PARAMETERS);
  return {
    acks: oneOf(query, 'acks', ['all', '1', '0'], 'all'),
    timeoutMs: wholeNumber(query, 'timeoutMs', {
      min: 1,
      max: INT32_MAX,
      byDefault: PRODUCE_TIMEOUT_MS_DEFAULT,
    }),
    partitioner: oneOf(query, 'partitioner', ['sticky', 'roundrobin'], 'sticky'),
    partition: query.has('partition')
      ? wholeNumber(query, 'partition', { min: 0, max: INT32_MAX, byDefault: 0 })
      : undefined,
    key: query.get('key'),
    lines: query.has('lines')
      ? oneOf(query, 'lines', ['value', 'text'] as const, 'value')
      : undefined,
    isValue: query.has('body') && oneOf(query, 'body', ['value'], 'value') === 'value',
    report: oneOf(query, 'report', ['all', 'errors'], 'all'),
  };
}

/** @throws ProtocolError INVALID_REQUEST if a parameter does not fit the form of the body */
export function assertQueryFits(
  query: ProduceQuery,
  form: 'json' | 'ndjson' | 'value-lines' | 'raw',
): void {
  if (query.lines !== undefined && query.isValue) {
    refuseParameter(
      'lines',
      `is ${query.lines}, and ?body= is value: a body is one value, or each line of it is`,
    );
  }
  if (query.key !== undefined && (form === 'json' || form === 'ndjson')) {
    refuseParameter(
      'key',
      'applies to a raw body or with ?lines=; a record in JSON has a member "key"',
    );
  }
  if (query.report !== 'all' && form !== 'ndjson' && form !== 'value-lines') {
    refuseParameter('report', 'is errors, which applies to a body of lines: application/x-ndjson');
  }
}
