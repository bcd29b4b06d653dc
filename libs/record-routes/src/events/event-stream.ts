/**
 * One stream of server-sent events: a subscription's transport over one response.
 *
 *     opening --begin--> streaming --error, stop, half-close--> ended --sent or cut--> closed
 *
 * While it streams, chunks are written directly to the response's socket, because they are already
 * framed for all streams. Before and after that the response is used as usual. It may wait after
 * others of its connection, so the stream owns the socket only after its first bytes were sent.
 *
 * Bounded by its outbox. The connection ends with the stream.
 */

import type { Socket } from 'node:net';
import { EVENT_PARTITIONS_MAX, problemDocument } from '#api';
import {
  type Delivery,
  Outbox,
  type OutboxThrottle,
  type PartitionPosition,
  type RecordRun,
  type StreamSweep,
  type StreamSweepOptions,
  type Subscription,
  type SubscriptionTransport,
  type SweptStream,
} from '#delivery';
import {
  chunkOf,
  contentOf,
  type EventEncoder,
  EventPositions,
  eventText,
  HEARTBEAT,
  positionText,
} from '#event-stream';
import { chargeQuota, type Exchange, stoppingError } from '#http-front';
import { ProtocolError, type TopicPartition } from '#protocol';

/** Minimum reconnect delay of an EventSource after an error, because the cause may persist. */
const RETRY_AFTER_ERROR_MS = 10_000;

/** Heap of a stream besides its connection, with the positions of all of its partitions. */
const EVENT_STREAM_BYTES = 4096;

const EVENT_STREAM_HEADERS = [
  'Content-Type',
  'text/event-stream',
  'Cache-Control',
  'no-store',
  // This header makes nginx pass data on at once, whatever its configuration is.
  'X-Accel-Buffering',
  'no',
];

const HEARTBEAT_CHUNK = chunkOf(HEARTBEAT);

/** The settings that event streams use. */
export interface EventStreamOptions extends StreamSweepOptions {
  readonly eventRetryMs: number;
  readonly socketBufferBytes: number;
}

/** State that all event streams share. */
export interface EventStreams {
  readonly delivery: Delivery;
  readonly encoder: EventEncoder;
  readonly sweep: StreamSweep;
  readonly options: EventStreamOptions;
}

/** A position that is no longer in the log, and the position at which reading continues. */
export interface PositionReset {
  readonly position: PartitionPosition;
  readonly cause: ProtocolError;
}

export class EventStream implements SubscriptionTransport, SweptStream {
  readonly memoryBytes = EVENT_STREAM_BYTES;
  readonly #exchange: Exchange;
  readonly #streams: EventStreams;
  readonly #socket: Socket;
  readonly #positions: EventPositions;
  #subscription: Subscription | undefined;
  /**
   * Created when it begins to stream, because the connection of a refused request serves others.
   */
  #outbox: Outbox | undefined;
  #state: 'opening' | 'streaming' | 'ended' = 'opening';
  /** True once the head of the answer and the start position were written. */
  #hasBegun = false;
  /** Reason for not beginning: its topic was deleted meanwhile, or the gateway stops. */
  #refusal: ProtocolError | undefined;

  /** @param topicId undefined if the topic was deleted meanwhile */
  constructor(exchange: Exchange, streams: EventStreams, topicId: string | undefined) {
    this.#exchange = exchange;
    this.#streams = streams;
    this.#positions = new EventPositions(topicId);
    this.#socket = exchange.request.socket;
    exchange.guard();
    exchange.watch({
      closed: () => {
        this.#close();
      },
      stopping: () => {
        this.#stop();
      },
      accessLost: (error) => {
        this.#fail(error);
      },
      halfClosed: () => {
        if (this.#hasBegun) this.#end();
      },
    });
  }

  get principal(): string {
    return this.#exchange.access.caller.principal;
  }

  get pendingBytes(): number {
    return this.#outbox?.pendingBytes ?? this.#socket.writableLength;
  }

  get takenBytes(): number {
    return this.#socket.bytesWritten - this.#socket.writableLength;
  }

  /**
   * Answers with the stream's head and its start position; records follow.
   * @param resets partitions whose subscription begins elsewhere than the client requested
   * @throws ProtocolError the error that ended it before it began
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
    this.#hasBegun = true;
    // The client has finished sending, or is gone: both look alike.
    if (this.#socket.readableEnded) this.#end();
  }

  hasRoom(): boolean {
    return this.#state === 'streaming' && this.#outbox?.hasRoom() === true;
  }

  deliver(run: RecordRun): void {
    const { partition, leaderEpoch } = run.source;
    const frame = this.#positions.frameOf(partition, leaderEpoch);
    this.#push(this.#streams.encoder.chunkOf(run, frame));
    this.#positions.set({ partition, offset: run.nextOffset, leaderEpoch });
  }

  assigned(positions: readonly PartitionPosition[]): void {
    for (const position of positions) this.#positions.set(position);
    if (this.#positions.count > EVENT_PARTITIONS_MAX) {
      this.#fail(tooManyPartitions(this.#positions.count));
    } else {
      this.#push(chunkOf(positionText(this.#positions.text())));
    }
  }

  reset(position: PartitionPosition, cause: ProtocolError): void {
    this.#positions.set(position);
    this.#push(chunkOf(this.#resetText({ position, cause })));
  }

  stopped(_target: TopicPartition, error: unknown): void {
    this.#fail(this.#exchange.context.errors.toProtocolError(error));
  }

  ended(error: ProtocolError): void {
    this.#fail(error);
  }

  beat(): void {
    this.#push(HEARTBEAT_CHUNK);
  }

  drop(): void {
    this.#socket.destroy();
  }

  /**
   * Returns the text before any record: the id to resume with, and the positions that were reset.
   */
  #opening(subscription: Subscription, resets: readonly PositionReset[]): string {
    for (const position of subscription.positions()) this.#positions.set(position);
    const id = this.#positions.text();
    const firstText = positionText(id, this.#streams.options.eventRetryMs);
    return firstText + resets.map((reset) => this.#resetText(reset)).join('');
  }

  #resetText({ position, cause }: PositionReset): string {
    const problem = problemDocument(cause, this.#exchange.instance);
    const { topic, partition, offset } = position;
    const data = JSON.stringify({ ...problem, topic, partition, offset });
    return eventText({ event: 'reset', data, id: this.#positions.text() });
  }

  /** Called when the opening was sent: from now on this stream owns the socket. */
  #stream(): void {
    if (this.#state !== 'opening') return;
    this.#state = 'streaming';
    const { delivery, options } = this.#streams;
    this.#outbox = new Outbox(this.#socket, delivery, {
      bytesMax: options.socketBufferBytes,
      throttle: throttleOf(this.#exchange),
      onRoom: () => {
        this.#subscription?.resume();
      },
    });
    this.#streams.sweep.add(this);
    this.#subscription?.start();
  }

  #push(chunk: Buffer): void {
    if (this.#state !== 'streaming') return;
    this.#outbox?.push(this.#exchange.response.chunkedEncoding ? chunk : contentOf(chunk));
  }

  /** Sends the error to the client and ends the stream. */
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
    // A slow client would delay the stop, and can resume elsewhere from its last event.
    if (isSlow) this.#socket.destroy();
  }

  /** Ends the stream with a last text, after everything that was delivered. */
  #end(text = ''): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#outbox?.flush();
    this.#exchange.response.end(text);
    // Not at once, because the subscription itself may be the caller.
    this.#streams.delivery.scheduler.soon(() => this.#subscription?.close());
  }

  /** Called when the response is complete, or the client has disconnected. */
  #close(): void {
    this.#state = 'ended';
    this.#subscription?.close();
    this.#outbox?.close();
    this.#streams.sweep.delete(this);
  }
}

/** Error for a topic with more partitions than fit into an id. */
export function tooManyPartitions(count: number): ProtocolError {
  return new ProtocolError(
    'INVALID_REQUEST',
    `These are ${count} partitions; one stream reads at most ${EVENT_PARTITIONS_MAX}: name the ones ` +
      'to read, such as ?partitions=0,1.',
    { faults: [{ pointer: '?partitions', detail: `names at most ${EVENT_PARTITIONS_MAX}` }] },
  );
}

/** Returns what limits the stream to the quota of its caller; undefined without authentication. */
function throttleOf(exchange: Exchange): OutboxThrottle | undefined {
  const { scheduler, security } = exchange.context;
  if (security === undefined) return undefined;
  const { quotas } = security;
  const charge = (bytes: number) => chargeQuota(exchange, 'consumer_byte_rate', bytes);
  return { scheduler, quotas, charge };
}
