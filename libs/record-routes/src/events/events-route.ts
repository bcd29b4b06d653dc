import { EVENT_PARTITIONS_MAX } from '#api';
import type { Broker } from '#broker';
import {
  assertPosition,
  type PartitionPosition,
  Subscription,
  type SubscriptionRequest,
} from '#delivery';
import { EventEncoder, type EventId } from '#event-stream';
import type { Exchange } from '#http-front';
import { ProtocolError } from '#protocol';
import { assertTopicIsServed } from '../topic-check.js';
import { type EventQuery, eventQuery } from './event-query.js';
import {
  EventStream,
  type EventStreams,
  type PositionReset,
  tooManyPartitions,
} from './event-stream.js';

/**
 * `GET /v1/topics/{topic}/events`: a topic's records as server-sent events.
 *
 * Overlap: all requests may overlap; each one has a stream of its own.
 */
export class EventsRoute {
  readonly #broker: Broker;
  readonly #streams: EventStreams;

  constructor(shared: Omit<EventStreams, 'encoder'>) {
    this.#broker = shared.delivery.broker;
    this.#streams = { ...shared, encoder: new EventEncoder() };
  }

  /** @throws ProtocolError if the head alone is refused */
  handle(exchange: Exchange, topic: string): void {
    const lastEventId = exchange.request.headers['last-event-id'];
    const query = eventQuery(exchange.search, lastEventId?.toString());
    assertTopicIsServed(this.#broker, topic);
    this.#assertPartitions(topic, query);
    this.#open(exchange, topic, query).catch((error: unknown) => {
      exchange.fail(error);
    });
  }

  /** @throws ProtocolError of the subscription, or the reason for not beginning the stream */
  async #open(exchange: Exchange, topic: string, query: EventQuery): Promise<void> {
    const { from, partitions, autoOffsetReset, format } = query;
    const requested =
      typeof from === 'string' ? [] : from.positions.map((each) => ({ topic, ...each }));
    const request: SubscriptionRequest = {
      topics: [topic],
      partitions,
      from: typeof from === 'string' ? from : { offsets: requested, ...topicIdsOf(topic, from) },
      autoOffsetReset,
      format,
    };
    const stream = new EventStream(exchange, this.#streams, this.#broker.topicId(topic));
    const subscription = await Subscription.open(this.#streams.delivery, request, stream);
    stream.begin(subscription, await this.#resetsOf(subscription, requested));
  }

  /**
   * Returns the partitions whose subscription begins elsewhere than requested, with the reasons.
   */
  async #resetsOf(
    subscription: Subscription,
    requested: readonly PartitionPosition[],
  ): Promise<PositionReset[]> {
    const resets: PositionReset[] = [];
    for (const position of subscription.positions()) {
      const from = requested.find(({ partition }) => partition === position.partition);
      if (from === undefined || from.offset === position.offset) continue;
      const cause = await rejectionOf(assertPosition(this.#broker, from));
      if (cause instanceof ProtocolError) resets.push({ position, cause });
    }
    return resets;
  }

  /** @throws ProtocolError INVALID_REQUEST, UNKNOWN_TOPIC_OR_PARTITION */
  #assertPartitions(topic: string, { from, partitions }: EventQuery): void {
    const count = this.#broker.topicLimits(topic)?.partitions ?? 0;
    const requestedCount = partitions?.length ?? count;
    if (requestedCount > EVENT_PARTITIONS_MAX) throw tooManyPartitions(requestedCount);
    if (typeof from === 'string') return;
    const foreign = from.positions.find(({ partition }) => partition >= count);
    if (foreign === undefined) return;
    throw new ProtocolError(
      'UNKNOWN_TOPIC_OR_PARTITION',
      `The last event's id names partition ${foreign.partition}, but topic "${topic}" has ${count}: ` +
        'the id belongs to another topic.',
    );
  }
}

function topicIdsOf(
  topic: string,
  { topicDigits }: EventId,
): { readonly topicIds?: Readonly<Record<string, string>> } {
  return topicDigits === undefined ? {} : { topicIds: { [topic]: topicDigits } };
}

function rejectionOf(settled: Promise<unknown>): Promise<unknown> {
  return settled.then(
    () => undefined,
    (error: unknown) => error,
  );
}
