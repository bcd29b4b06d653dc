/**
 * One stream of server-sent events: a subscription's transport over one response.
 *
 *     opening --begin--> streaming --error, stop, half-close--> ended --sent or cut--> closed
 *
 * While it streams, chunks go to the socket beneath the response, as they were made for all
 * streams: node:http would frame them again for each. Before and after that the response is used as
 * usual; it may wait behind others of its connection, so the socket is its own only once its first
 * bytes are out.
 *
 * Bounded by its outbox. The connection ends with the stream.
 */
import type { Socket } from 'node:net';
import type {
  Delivery,
  PartitionPosition,
  RecordRun,
  Subscription,
  SubscriptionTransport,
} from '#delivery';
import { Outbox } from '#delivery';
import { ProtocolError, type TopicPartition } from '#protocol';
import { stoppingError } from '../http/front/body-timeout.js';
import type { Exchange } from '../http/front/exchange.js';
import { problemDocument, toProtocolError } from '../http/problem.js';
import {
  chunkOf,
  contentOf,
  type EventEncoder,
  eventText,
  positionText,
} from './event-encoding.js';
import { EVENT_PARTITIONS_MAX, EventPositions } from './event-id.js';
import type { StreamSweep, StreamSweepOptions, SweptStream } from './stream-sweep.js';

/**
 * After an error an EventSource waits for so long before it connects again, at least: what made the
 * stream end may still be there.
 */
const RETRY_AFTER_ERROR_MS = 10_000;

/** Heap of a stream beside its connection, with the positions of all of its partitions. */
const EVENT_STREAM_BYTES = 4096;

const EVENT_STREAM_HEADERS = [
  'Content-Type',
  'text/event-stream',
  'Cache-Control',
  'no-store',
  // nginx passes on at once what has this, whatever it is set to.
  'X-Accel-Buffering',
  'no',
];

/** The settings that streams of events read. */
export interface EventStreamOptions extends StreamSweepOptions {
  readonly eventRetryMs: number;
  readonly socketBufferBytes: number;
}

/** What all streams of events share. */
export interface EventStreams {
  readonly delivery: Delivery;
  readonly encoder: EventEncoder;
  readonly sweep: StreamSweep;
  readonly options: EventStreamOptions;
}

/** A position that the log does not have any more, and where reading goes on in its place. */
export interface PositionReset {
  readonly position: PartitionPosition;
  readonly cause: ProtocolError;
}

export class EventStream implements SubscriptionTransport, SweptStream {
  readonly memoryBytes = EVENT_STREAM_BYTES;
  readonly #exchange: Exchange;
  readonly #streams: EventStreams;
  readonly #socket: Socket;
  readonly #positions = new EventPositions();
  #subscription: Subscription | undefined;
  /** Made as it begins to stream: a connection whose request is refused goes on with others. */
  #outbox: Outbox | undefined;
  #state: 'opening' | 'streaming' | 'ended' = 'opening';
  /** Why it is not to begin: its topic was deleted meanwhile, or the gateway stops. */
  #refusal: ProtocolError | undefined;

  constructor(exchange: Exchange, streams: EventStreams) {
    this.#exchange = exchange;
    this.#streams = streams;
    this.#socket = exchange.request.socket;
    exchange.onClose = () => {
      this.#close();
    };
    exchange.onStopping = () => {
      this.#stop();
    };
  }

  get pendingBytes(): number {
    return this.#outbox?.pendingBytes ?? this.#socket.writableLength;
  }

  get takenBytes(): number {
    return this.#socket.bytesWritten - this.#socket.writableLength;
  }

  /**
   * Answers with the stream's head and with where it begins; then come records.
   * @param resets where the subscription begins elsewhere than the client asked
   * @throws ProtocolError what made an end of it before it began
   */
  begin(subscription: Subscription, resets: readonly PositionReset[]): void {
    this.#subscription = subscription;
    const { response, request, isGone } = this.#exchange;
    if (isGone || this.#refusal !== undefined || request.method === 'HEAD') subscription.close();
    if (this.#refusal !== undefined) throw this.#refusal;
    if (isGone) return;
    response.shouldKeepAlive = false;
    response.writeHead(200, EVENT_STREAM_HEADERS);
    this.#exchange.observe();
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    response.write(this.#opening(subscription, resets), (error) => {
      if (!error) this.#stream();
    });
    this.#exchange.onHalfClosed = () => {
      this.#end();
    };
    // The client has said that it sends no more, or is gone: the two look alike.
    if (this.#socket.readableEnded) this.#end();
  }

  hasRoom(): boolean {
    return this.#state === 'streaming' && this.#outbox?.hasRoom() === true;
  }

  deliver(run: RecordRun): void {
    const { partition } = run.source;
    this.#push(this.#streams.encoder.chunkOf(run, this.#positions.frameOf(partition)));
    this.#positions.set(partition, run.nextOffset);
  }

  assigned(positions: readonly PartitionPosition[]): void {
    for (const { partition, offset } of positions) this.#positions.set(partition, offset);
    if (this.#positions.count > EVENT_PARTITIONS_MAX) {
      this.#fail(tooManyPartitions(this.#positions.count));
    } else {
      this.#push(chunkOf(positionText(this.#positions.text())));
    }
  }

  reset(position: PartitionPosition, cause: ProtocolError): void {
    this.#positions.set(position.partition, position.offset);
    this.#push(chunkOf(this.#resetText({ position, cause })));
  }

  stopped(_target: TopicPartition, error: unknown): void {
    this.#fail(toProtocolError(error, this.#exchange.context.logger));
  }

  ended(error: ProtocolError): void {
    this.#fail(error);
  }

  beat(heartbeat: Buffer): void {
    this.#push(heartbeat);
  }

  drop(): void {
    this.#socket.destroy();
  }

  /** The text before any record: the id to resume with, and the positions that were reset. */
  #opening(subscription: Subscription, resets: readonly PositionReset[]): string {
    for (const { partition, offset } of subscription.positions()) {
      this.#positions.set(partition, offset);
    }
    const id = this.#positions.text();
    const begun = positionText(id, this.#streams.options.eventRetryMs);
    return begun + resets.map((reset) => this.#resetText(reset)).join('');
  }

  #resetText({ position, cause }: PositionReset): string {
    const problem = problemDocument(cause, this.#exchange.instance);
    const data = JSON.stringify({ ...problem, ...position });
    return eventText({ event: 'reset', data, id: this.#positions.text() });
  }

  /** The opening is out: from now on the socket is this stream's alone. */
  #stream(): void {
    if (this.#state !== 'opening') return;
    this.#state = 'streaming';
    const { delivery, options } = this.#streams;
    const outbox = new Outbox(this.#socket, delivery, options.socketBufferBytes);
    outbox.onRoom = () => {
      this.#subscription?.resume();
    };
    this.#outbox = outbox;
    this.#streams.sweep.add(this);
    this.#subscription?.start();
  }

  #push(chunk: Buffer): void {
    if (this.#state !== 'streaming') return;
    this.#outbox?.push(this.#exchange.response.chunkedEncoding ? chunk : contentOf(chunk));
  }

  /** Tells the client why, and ends the stream. */
  #fail(error: ProtocolError): void {
    const { response, path } = this.#exchange;
    if (!response.headersSent) {
      this.#refusal ??= error;
      return;
    }
    const data = JSON.stringify(problemDocument(error, path));
    const retryMs = Math.max(this.#streams.options.eventRetryMs, RETRY_AFTER_ERROR_MS);
    this.#end(eventText({ event: 'error', data, retryMs }));
  }

  #stop(): void {
    const { response } = this.#exchange;
    if (!response.headersSent) {
      this.#refusal ??= stoppingError();
      return;
    }
    const isSlow = this.#socket.writableLength > 0;
    this.#end();
    // It would hold up the stop, and resumes elsewhere from what it has got.
    if (isSlow) this.#socket.destroy();
  }

  /** Ends the stream with its last words, behind all that was delivered. */
  #end(text = ''): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#outbox?.flush();
    this.#exchange.response.end(text);
    // Not at once: it may be the subscription that calls.
    this.#streams.delivery.scheduler.soon(() => this.#subscription?.close());
  }

  /** The response was sent to its end, or the client is gone. */
  #close(): void {
    this.#state = 'ended';
    this.#subscription?.close();
    this.#outbox?.close();
    this.#streams.sweep.delete(this);
  }
}

/** What a topic of more partitions than an id has room for is answered with. */
export function tooManyPartitions(count: number): ProtocolError {
  return new ProtocolError(
    'INVALID_REQUEST',
    `That is ${count} partitions; one stream reads ${EVENT_PARTITIONS_MAX} at most: name those that ` +
      'it is to read, such as ?partitions=0,1.',
    { faults: [{ pointer: '?partitions', detail: `names ${EVENT_PARTITIONS_MAX} at most` }] },
  );
}
