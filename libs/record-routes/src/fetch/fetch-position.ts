import type { Broker, FetchRequest, FetchResult, OffsetSpec } from '#broker';
import type { StreamSweep } from '#delivery';
import type { Exchange } from '#http-front';
import { type Offset, ProtocolError } from '#protocol';
import { assert } from '#runtime';
import type { FetchQuery } from './fetch-query.js';

/** `earliest` may be deleted between its lookup and its read; then it is looked up again. */
const EARLIEST_TRIES = 5;

/** A parsed fetch request. */
export interface Fetch {
  readonly exchange: Exchange;
  readonly topic: string;
  readonly partition: number;
  readonly query: FetchQuery;
}

export interface FetchRouteOptions {
  readonly broker: Broker;
  /** True if fetched records are compressed when the client asks for it. */
  readonly compresses: boolean;
  /** Ends streams whose clients receive nothing. */
  readonly sweep: StreamSweep;
}

/** Bounds of one fetch: bytes of batches, and the records that are wanted; absent: all. */
export interface FetchBounds {
  readonly maxBytes: number;
  readonly limit?: number;
}

/** The result of a first fetch, and the offset it began at. */
export interface FirstFetch {
  readonly offset: Offset;
  readonly result: FetchResult;
}

/**
 * Fetches from the position in the query, with its wait.
 * @param ofAll the broker of all callers
 * @throws ProtocolError of the broker
 */
export async function fetchFrom(
  ofAll: Broker,
  fetch: Fetch,
  bounds: FetchBounds,
): Promise<FirstFetch> {
  const broker = ofAll.as(fetch.exchange.access.caller);
  for (let tries = 1; ; tries += 1) {
    const offset = await startOffset(broker, fetch);
    try {
      return { offset, result: await fetchOnce(broker, fetch, offset, bounds) };
    } catch (error) {
      const wasDeleted = error instanceof ProtocolError && error.code === 'OFFSET_OUT_OF_RANGE';
      const isRetried = wasDeleted && typeof fetch.query.position !== 'number';
      if (!isRetried || tries === EARLIEST_TRIES) throw error;
    }
  }
}

async function fetchOnce(
  broker: Broker,
  fetch: Fetch,
  offset: Offset,
  { maxBytes, limit }: FetchBounds,
): Promise<FetchResult> {
  const { exchange, topic, partition, query } = fetch;
  const { leaderEpoch, minBytes, waitMs } = query;
  const request: FetchRequest = {
    topic,
    partition,
    offset,
    maxBytes,
    minBytes,
    waitMs,
    caller: exchange,
    ...(leaderEpoch === undefined ? undefined : { leaderEpoch }),
    ...(limit === undefined ? undefined : { recordsMax: limit }),
  };
  if (waitMs === 0) return broker.fetch(request);
  const { longPolls } = exchange.context;
  const poll = longPolls.enter(exchange);
  try {
    return await broker.fetch({ ...request, signal: poll.signal });
  } finally {
    poll.leave();
  }
}

async function startOffset(broker: Broker, fetch: Fetch): Promise<Offset> {
  const { position } = fetch.query;
  if (typeof position === 'number') return position;
  const target = { topic: fetch.topic, partition: fetch.partition };
  const { offset } = await broker.listOffset(target, position);
  return offset ?? (await latestOffset(broker, fetch));
}

/** No record is as late as the timestamp, so reading begins with the next record. */
async function latestOffset(broker: Broker, { topic, partition }: Fetch): Promise<Offset> {
  const latest: OffsetSpec = 'latest';
  const { offset } = await broker.listOffset({ topic, partition }, latest);
  assert(offset !== null, 'a partition has a last offset');
  return offset;
}
