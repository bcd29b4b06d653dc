import { EVENT_PARTITIONS_MAX, queryParametersOf } from '#api';
import type { AutoOffsetReset } from '#delivery';
import { type EventId, tryParseEventId } from '#event-stream';
import { oneOf, parseQuery, type Query, refuseParameter } from '#http-front';
import { ProtocolError } from '#protocol';
import { FORMAT_NAMES, type RecordFormat, recordFormat } from '#record-json';

const EVENT_PARAMETERS = queryParametersOf('subscribeToEvents');

const PARTITION = /^(0|[1-9]\d{0,9})$/;
const ID_ACCEPTED =
  'accepted: the id of an event of this topic, such as 0:12,1:7: the next offset to read ' +
  `of each partition, at most ${EVENT_PARTITIONS_MAX}`;

/** The parsed query of a request for events. */
export interface EventQuery {
  readonly from: 'latest' | 'earliest' | EventId;
  /** Partitions in order; undefined: all, including those added later. */
  readonly partitions: readonly number[] | undefined;
  readonly autoOffsetReset: AutoOffsetReset;
  /** Representation of keys and values. */
  readonly format: RecordFormat;
}

/**
 * `Last-Event-ID` takes precedence over `?lastEventId`, and that over `?from`: an EventSource that
 * reconnects requests its original URL and sends its position in the header.
 * @param lastEventId value of the header; empty means absent, as for an EventSource
 * @throws ProtocolError INVALID_REQUEST
 */
export function eventQuery(search: string, lastEventId: string | undefined): EventQuery {
  refuseGroup(search);
  const query = parseQuery(search, EVENT_PARAMETERS);
  const from = oneOf(query, 'from', ['latest', 'earliest'], 'latest');
  return {
    from: headerId(lastEventId) ?? queryId(query) ?? from,
    partitions: partitionsOf(query),
    autoOffsetReset: oneOf(query, 'autoOffsetReset', ['latest', 'earliest', 'none'], 'none'),
    format: recordFormat(oneOf(query, 'format', FORMAT_NAMES, 'auto')),
  };
}

/** An EventSource cannot commit, and its position is its own: it is not a member of a group. */
function refuseGroup(search: string): void {
  if (!/(^|&)group(=|&|$)/.test(search)) return;
  refuseParameter(
    'group',
    'is not accepted: an event stream cannot be a member of a consumer group; use the WebSocket ' +
      '("subscribe" with "group"), or POST /v1/groups/{group}/members and poll',
  );
}

function headerId(text: string | undefined): EventId | undefined {
  if (text === undefined || text === '') return undefined;
  const id = tryParseEventId(text);
  if (id !== undefined) return id;
  throw new ProtocolError(
    'INVALID_REQUEST',
    `The header Last-Event-ID is ${JSON.stringify(text)}; ${ID_ACCEPTED}.`,
  );
}

function queryId(query: Query): EventId | undefined {
  const text = query.get('lastEventId');
  if (text === undefined || text === '') return undefined;
  return (
    tryParseEventId(text) ??
    refuseParameter('lastEventId', `is ${JSON.stringify(text)}; ${ID_ACCEPTED}`)
  );
}

function partitionsOf(query: Query): readonly number[] | undefined {
  const text = query.get('partitions');
  if (text === undefined) return undefined;
  const parts = text.split(',');
  const partitions = [...new Set(parts.map(Number))].toSorted((a, b) => a - b);
  if (parts.every((part) => PARTITION.test(part)) && partitions.length === parts.length) {
    return partitions;
  }
  return refuseParameter(
    'partitions',
    `is ${JSON.stringify(text)}; accepted: partitions separated by commas, each once, such as 0,1`,
  );
}
