import {
  FETCH_BYTES_DEFAULT,
  FETCH_BYTES_MAX,
  FETCH_LIMIT_DEFAULT,
  FETCH_WAIT_MS_MAX,
  INT32_MAX,
  queryParametersOf,
} from '#api';
import type { OffsetSpec } from '#broker';
import { oneOf, parseQuery, type Query, refuseParameter, wholeNumber } from '#http-front';
import { FORMAT_NAMES, type RecordFormat, recordFormat } from '#record-json';

const FETCH_PARAMETERS = queryParametersOf('fetch', 'fetchValue', 'fetchLines');

/** The parsed query of a fetch request. */
export interface FetchQuery {
  /** An offset, or a name or time that stands for one. */
  readonly position: number | OffsetSpec;
  /** Number of records; undefined if not given. */
  readonly limit: number | undefined;
  /** Bytes of record batches; undefined if not given. */
  readonly maxBytes: number | undefined;
  readonly waitMs: number;
  readonly minBytes: number;
  readonly leaderEpoch: number | undefined;
  readonly format: RecordFormat | 'raw';
  /** True for a stream that continues after it has reached the high watermark. */
  readonly follow: boolean;
}

/**
 * @param form form of the answer: a page in JSON, unless `?format` says raw; a stream; one value's
 *   bytes
 * @throws ProtocolError INVALID_REQUEST
 */
export function fetchQuery(search: string, form: 'page' | 'ndjson' | 'raw'): FetchQuery {
  const isStream = form === 'ndjson';
  const query = parseQuery(search, FETCH_PARAMETERS);
  const optional = (name: string, min: number, max: number): number | undefined =>
    query.has(name) ? wholeNumber(query, name, { min, max, byDefault: min }) : undefined;

  const format = form === 'raw' ? rawFormat(query) : formatOf(query);
  const limit = optional('limit', 1, INT32_MAX) ?? (form === 'raw' ? 1 : undefined);
  if (format === 'raw' && (limit !== 1 || isStream)) {
    refuseParameter('format', 'is raw, which answers a single value: it requires limit=1');
  }
  const follow =
    query.has('follow') && oneOf(query, 'follow', ['true', 'false'], 'true') === 'true';
  if (follow && !isStream) {
    refuseParameter('follow', 'applies to answers with Accept: application/x-ndjson');
  }
  return {
    position: positionOf(query),
    limit,
    maxBytes: optional('maxBytes', 1, isStream ? Number.MAX_SAFE_INTEGER : FETCH_BYTES_MAX),
    waitMs: wholeNumber(query, 'waitMs', { min: 0, max: FETCH_WAIT_MS_MAX, byDefault: 0 }),
    minBytes: wholeNumber(query, 'minBytes', { min: 1, max: FETCH_BYTES_MAX, byDefault: 1 }),
    leaderEpoch: optional('leaderEpoch', 0, INT32_MAX),
    format,
    follow,
  };
}

/** The bounds of one answer in JSON. */
export function pageBounds(query: FetchQuery): {
  readonly limit: number;
  readonly maxBytes: number;
} {
  return {
    limit: query.limit ?? FETCH_LIMIT_DEFAULT,
    maxBytes: query.maxBytes ?? FETCH_BYTES_DEFAULT,
  };
}

/**
 * Returns the position: `?offset`, `?timestamp` and `?from` are alternatives. `earliest` is the
 * default of the first and the last, and gives way to any other value.
 */
function positionOf(query: Query): number | OffsetSpec {
  const hasOthers = query.has('timestamp') || query.has('from');
  // Hot: most requests have an offset and nothing else.
  if (!hasOthers) return offsetOf(query.get('offset'));
  const positions = new Map<string, number | OffsetSpec>();
  const offset = offsetOf(query.get('offset'));
  if (offset !== 'earliest') positions.set('offset', offset);
  if (query.has('timestamp')) {
    const range = { min: 0, max: Number.MAX_SAFE_INTEGER, byDefault: 0 };
    positions.set('timestamp', { timestampMs: wholeNumber(query, 'timestamp', range) });
  }
  const from = oneOf(query, 'from', ['earliest', 'latest'], 'earliest');
  if (from !== 'earliest') positions.set('from', from);
  const [first, second] = positions.keys();
  if (second !== undefined) {
    refuseParameter(second, `is a position, and so is ?${first}: give only one of them`);
  }
  return positions.values().next().value ?? 'earliest';
}

/** The path already says raw. */
function rawFormat(query: Query): 'raw' {
  oneOf(query, 'format', ['auto', 'raw'], 'raw');
  return 'raw';
}

const FETCH_FORMATS = [...FORMAT_NAMES, 'raw'] as const;

function formatOf(query: Query): RecordFormat | 'raw' {
  const format = oneOf(query, 'format', FETCH_FORMATS, 'auto');
  return format === 'raw' ? format : recordFormat(format);
}

function offsetOf(text: string | undefined): number | OffsetSpec {
  if (text === undefined || text === 'earliest') return 'earliest';
  if (text === 'latest') return 'latest';
  const offset = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (offset <= Number.MAX_SAFE_INTEGER) return offset;
  return refuseParameter(
    'offset',
    `is ${JSON.stringify(text)}; accepted: a whole number from 0, earliest or latest`,
  );
}
