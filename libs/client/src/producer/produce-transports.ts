import type {
  ProducerIdentity,
  ProduceTransport,
  TopicMetadata,
  TransportAnswer,
  TransportRequest,
} from '../../../producer/src/index.js';
import { type HttpCall, type HttpCaller, segment } from '../connection/http-caller.js';
import type { SocketConnection } from '../connection/socket-connection.js';
import { type ProblemJson, problemError } from '../sluice-error.js';
import { recordsJson } from './record-json.js';

interface Produced {
  readonly offsets: readonly {
    readonly offset: number;
    readonly timestamp: number;
    readonly error?: ProblemJson;
  }[];
}

interface TopicJson {
  readonly partitions: readonly { readonly partition: number; readonly leader: number | null }[];
}

/**
 * Produces with HTTP requests.
 *
 * Overlap: all calls may overlap.
 */
export class HttpProduceTransport implements ProduceTransport {
  /** One, because requests may overtake each other. */
  readonly maxInFlightPerPartition: number = 1;
  readonly #caller: HttpCaller;

  constructor(caller: HttpCaller) {
    this.#caller = caller;
  }

  async produce(request: TransportRequest, signal: AbortSignal): Promise<TransportAnswer> {
    const { topic, partition, acks, timeoutMs, records } = request;
    const produced = await this.#caller.json<Produced | undefined>({
      method: 'POST',
      path: `/v1/topics/${segment(topic)}/records`,
      query: { partition, acks, timeoutMs },
      signal,
      // The producer ends the request earlier, by its signal.
      timeoutMs: timeoutMs * 2,
      ...(await bodyOf(request, `{"records":${recordsJson(records)}}`)),
    });
    return answerOf(produced);
  }

  async topicMetadata(topic: string, signal: AbortSignal): Promise<TopicMetadata> {
    const { partitions } = await this.#caller.json<TopicJson>({
      method: 'GET',
      path: `/v1/topics/${segment(topic)}`,
      signal,
    });
    return { partitions };
  }

  createProducerId(signal: AbortSignal): Promise<ProducerIdentity> {
    return this.#caller.json({ method: 'POST', path: '/v1/producers', signal });
  }
}

/**
 * Produces with WebSocket messages, which keep their order.
 *
 * Overlap: all calls may overlap.
 */
export class SocketProduceTransport extends HttpProduceTransport {
  override readonly maxInFlightPerPartition: number = 5;
  readonly #connection: SocketConnection;

  constructor(caller: HttpCaller, connection: SocketConnection) {
    super(caller);
    this.#connection = connection;
  }

  override async produce(request: TransportRequest, signal: AbortSignal): Promise<TransportAnswer> {
    const { topic, partition, acks, timeoutMs, producer, baseSequence, records } = request;
    const members = JSON.stringify({
      topic,
      partition,
      acks,
      timeoutMs,
      ...producer,
      ...(producer === undefined ? {} : { producerSequence: baseSequence }),
    });
    const data = `${members.slice(0, -1)},"records":${recordsJson(records)}}`;
    // The producer itself ends the wait for an answer.
    return answerOf(await this.#connection.request('publish', data, { connectSignal: signal }));
  }
}

async function bodyOf(request: TransportRequest, json: string): Promise<Partial<HttpCall>> {
  const { producer, baseSequence, compression } = request;
  const headers: Record<string, string> = {};
  if (producer !== undefined) {
    const { producerId, producerEpoch, producerToken } = producer;
    headers['Producer-Id'] = String(producerId);
    headers['Producer-Epoch'] = String(producerEpoch);
    headers['Producer-Sequence'] = String(baseSequence);
    if (producerToken !== undefined) headers['Producer-Token'] = producerToken;
  }
  if (compression === 'none' || typeof CompressionStream === 'undefined') return { json, headers };
  headers['Content-Type'] = 'application/json';
  headers['Content-Encoding'] = 'gzip';
  const packed = new Response(json).body?.pipeThrough(new CompressionStream('gzip'));
  return { body: await new Response(packed as never).arrayBuffer(), headers };
}

/** @throws SluiceError the error of the partition */
function answerOf(produced: unknown): TransportAnswer {
  const { offsets } = (produced ?? { offsets: null }) as Partial<Produced>;
  const failed = offsets?.find(({ error }) => error !== undefined)?.error;
  if (failed !== undefined) throw problemError(failed);
  return { offsets: offsets ?? null };
}
