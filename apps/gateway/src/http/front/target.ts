import { ALL_OPERATIONS, type DataRoute, methodsOf, partitionNumber, type RecordsForm } from '#api';
import { ProtocolError } from '#protocol';
import { pathPattern } from '../path-pattern.js';

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

/** An operation of the data plane, with the pattern of its path. */
interface DataOperation {
  readonly methods: readonly string[];
  readonly handler: DataRoute;
  readonly form: RecordsForm;
  readonly path: RegExp;
}

/** The operations of the data plane, in the order of the table: the most frequent ones first. */
const DATA_OPERATIONS: readonly DataOperation[] = ALL_OPERATIONS.flatMap((operation) => {
  const { path, route } = operation;
  if (route === undefined) return [];
  return [{ ...route, methods: methodsOf(operation), path: pathPattern(path) }];
});

/**
 * Returns the handler of a request for the data plane; undefined for any other request.
 * @param path percent-encoded
 */
export function hotRoute(method: string | undefined, path: string): DataRoute | undefined {
  if (method === undefined) return undefined;
  for (const operation of DATA_OPERATIONS) {
    if (operation.methods.includes(method) && operation.path.test(path)) return operation.handler;
  }
  return undefined;
}

/**
 * Parses the names in the path of produce or fetch.
 * @throws ProtocolError INVALID_REQUEST for bad percent-encoding, or a partition that is not a
 *   number
 */
export function recordsTarget(path: string): RecordsTarget {
  const { topic, partition, form } = namesIn(path);
  return {
    topic: decodeSegment(topic),
    partition: partition === undefined ? undefined : partitionNumber(decodeSegment(partition)),
    form,
  };
}

/**
 * Parses the topic in the path of events.
 * @throws ProtocolError INVALID_REQUEST for bad percent-encoding
 */
export function eventsTopic(path: string): string {
  return decodeSegment(namesIn(path).topic);
}

/** Returns the names in the path of a hot route, still encoded. */
function namesIn(path: string): {
  readonly topic: string;
  readonly partition: string | undefined;
  readonly form: RecordsForm;
} {
  for (const { path: pattern, form } of DATA_OPERATIONS) {
    const names = pattern.exec(path);
    if (names !== null) return { topic: names[1] ?? '', partition: names[2], form };
  }
  throw new Error('the path is not one of a hot route');
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
