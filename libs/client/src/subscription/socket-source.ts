import { Credit } from '../connection/credit.js';
import type { MessageData } from '../connection/socket-connection.js';
import {
  SocketSubscription,
  type SubscriptionPort,
  type SubscriptionTransport,
} from '../connection/socket-subscription.js';
import type { Position, RecordJson, TopicPartition } from '../received-record.js';
import type { SubscriptionRequest } from './options.js';
import type { RecordSource, SourceState } from './record-source.js';

/** Data of `records`. */
export interface RecordsData extends TopicPartition {
  readonly records: readonly RecordJson[];
  readonly highWatermark: number;
  readonly leaderEpoch: number;
}

/**
 * A subscription over the WebSocket. On each new connection it begins at the positions that were
 * reached; it grants credit for the records that the program has read.
 *
 * Overlap: messages come one after the other; `close` may come at any time.
 */
export class SocketSource implements RecordSource, SubscriptionPort {
  readonly #request: SubscriptionRequest;
  readonly #state: SourceState;
  readonly #subscription: SocketSubscription;
  readonly #credit: Credit;
  #hasPositions = false;

  constructor(transport: SubscriptionTransport, request: SubscriptionRequest, state: SourceState) {
    this.#request = request;
    this.#state = state;
    this.#credit = new Credit(request.bufferRecords, () => state.buffer.records);
    this.#subscription = new SocketSubscription(transport, this);
  }

  request(): MessageData {
    const { topics, from, partitions, autoOffsetReset, format } = this.#request;
    const { progress } = this.#state;
    const reached = { offsets: progress.positions('received'), topicIds: progress.topicIds };
    const begin = this.#hasPositions ? reached : from;
    return {
      topics,
      from: begin,
      partitions,
      autoOffsetReset,
      credit: this.#credit.first(),
      format,
    };
  }

  subscribed(data: MessageData): void {
    const positions = data['positions'] as readonly Position[];
    const { progress, ready } = this.#state;
    Object.assign(progress.topicIds, data['topicIds']);
    for (const position of positions) {
      const isKnown = progress.get(position.topic, position.partition) !== undefined;
      if (!this.#hasPositions || !isKnown) progress.place(position);
    }
    this.#hasPositions = true;
    ready.resolve(positions);
  }

  received(event: string, data: MessageData): void {
    const { progress, buffer } = this.#state;
    if (event === 'reset') progress.place(data as unknown as Position);
    if (event === 'assigned') {
      for (const target of data['partitions'] as readonly TopicPartition[]) this.#reached(target);
    }
    if (event !== 'records') return;
    const { topic, partition, records, highWatermark, leaderEpoch } =
      data as unknown as RecordsData;
    this.#credit.received(records.length);
    const reached = this.#reached({ topic, partition });
    reached.leaderEpoch = leaderEpoch;
    buffer.push(reached, records, highWatermark);
  }

  broken(): void {
    // The next connection continues at the positions that were reached.
  }

  failed(error: unknown): void {
    this.#state.fail(error);
  }

  read(): void {
    this.#credit.grant(this.#subscription);
  }

  close(): Promise<void> {
    return this.#subscription.close();
  }

  /** A partition that is not known was added, and is read from its beginning. */
  #reached({ topic, partition }: TopicPartition): ReturnType<SourceState['progress']['place']> {
    const { progress } = this.#state;
    return progress.get(topic, partition) ?? progress.place({ topic, partition, offset: 0 });
  }
}
