import { partitionNumber, type RecordsForm } from '#api';
import { ProtocolError } from '#protocol';

/** The resource that a request of a hot route names. */
export interface RecordsTarget {
  readonly topic: string;
  /** Undefined in the path of produce. */
  readonly partition: number | undefined;
  readonly form: RecordsForm;
}

/** A request for the records of one partition. */
export interface PartitionTarget extends RecordsTarget {
  readonly partition: number;
}

const TOPICS = '/v1/topics/';
const RECORDS = '/records';
const PARTITIONS = '/partitions/';
const EVENTS = '/events';
const FORM = /\/records(?::|%3A)(raw|ndjson)$/i;

/**
 * Returns the hot route of a request:
 *
 *     POST /v1/topics/{topic}/records                             produce
 *     GET  /v1/topics/{topic}/partitions/{partition}/records      fetch, HEAD too
 *     GET  /v1/topics/{topic}/events                              events, HEAD too
 *
 * The first two also with `records:raw` and `records:ndjson`.
 *
 * @param path percent-encoded
 */
export function hotRoute(
  method: string | undefined,
  path: string,
): 'produce' | 'fetch' | 'events' | undefined {
  if (!path.startsWith(TOPICS)) return undefined;
  if (!path.endsWith(RECORDS)) {
    const form = FORM.exec(path);
    if (form !== null) return hotRoute(method, path.slice(0, form.index + RECORDS.length));
    return isEvents(method, path) ? 'events' : undefined;
  }
  const topicEnd = path.indexOf('/', TOPICS.length);
  const recordsStart = path.length - RECORDS.length;
  if (topicEnd <= TOPICS.length) return undefined;
  if (topicEnd === recordsStart) return method === 'POST' ? 'produce' : undefined;
  const partitionStart = topicEnd + PARTITIONS.length;
  const isFetch =
    partitionStart < recordsStart &&
    path.startsWith(PARTITIONS, topicEnd) &&
    path.indexOf('/', partitionStart) === recordsStart;
  return isFetch && (method === 'GET' || method === 'HEAD') ? 'fetch' : undefined;
}

/**
 * Parses the names in the path of produce or fetch.
 * @throws ProtocolError INVALID_REQUEST for bad percent-encoding, or a partition that is not a
 *   number
 */
export function recordsTarget(path: string): RecordsTarget {
  const match = path.endsWith(RECORDS) ? null : FORM.exec(path);
  const form = match === null ? 'any' : match[1]?.toLowerCase() === 'raw' ? 'raw' : 'ndjson';
  const recordsStart = match?.index ?? path.length - RECORDS.length;
  const topicEnd = path.indexOf('/', TOPICS.length);
  const topic = decodeSegment(path.slice(TOPICS.length, topicEnd));
  if (topicEnd === recordsStart) return { topic, partition: undefined, form };
  const partition = decodeSegment(path.slice(topicEnd + PARTITIONS.length, recordsStart));
  return { topic, partition: partitionNumber(partition), form };
}

/**
 * Parses the topic in the path of events.
 * @throws ProtocolError INVALID_REQUEST for bad percent-encoding
 */
export function eventsTopic(path: string): string {
  return decodeSegment(path.slice(TOPICS.length, path.length - EVENTS.length));
}

/**
 * Splits a request's URL, which may also come in absolute form (to a proxy), into path and query.
 */
export function splitUrl(url: string): { readonly path: string; readonly search: string } {
  const origin = url.startsWith('/') ? url : pathOfAbsolute(url);
  const queryAt = origin.indexOf('?');
  if (queryAt < 0) return { path: origin, search: '' };
  return { path: origin.slice(0, queryAt), search: origin.slice(queryAt + 1) };
}

function isEvents(method: string | undefined, path: string): boolean {
  if (!path.endsWith(EVENTS) || (method !== 'GET' && method !== 'HEAD')) return false;
  const topicEnd = path.indexOf('/', TOPICS.length);
  return topicEnd > TOPICS.length && topicEnd === path.length - EVENTS.length;
}

function pathOfAbsolute(url: string): string {
  const match = /^https?:\/\/[^/?#]*(.*)$/i.exec(url);
  if (match === null) return url;
  const path = match[1] ?? '';
  return path.startsWith('/') ? path : `/${path}`;
}

function decodeSegment(segment: string): string {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new ProtocolError(
      'INVALID_REQUEST',
      `The path has ${JSON.stringify(segment)}, which is not percent-encoded UTF-8.`,
    );
  }
}
