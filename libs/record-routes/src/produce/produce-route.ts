import { isPartial, producedText, type RecordsForm } from '#api';
import type { Acks, Broker, ProduceRequest, ProduceResult, RequestProducer } from '#broker';
import { type Exchange, inQuota, readBody } from '#http-front';
import { ProtocolError, type RecordSet } from '#protocol';
import {
  AT_ONCE_BYTES_MAX,
  assertLargeJson,
  assertOnePartition,
  bodyLines,
  isOneRecord,
  type LineRecords,
  parseJsonRecords,
  parseLargeBody,
  RECORDS_POINTER,
  type RecordLimits,
  type RecordPlaces,
  rawRecord,
  recordSetBytes,
  withPartition,
  withRequestPointers,
} from '#record-json';
import { assert, atOnce, inSlices, type SlicedWork } from '#runtime';
import { assertMayProduceTo } from '../topic-check.js';
import { type BodyForm, bodyForm } from './body-form.js';
import { bodyPlaces } from './body-places.js';
import { linesAnswer } from './lines-answer.js';
import { produceNdjson } from './ndjson-produce.js';
import { type ProduceQuery, produceQuery } from './produce-query.js';
import { assertOwnProducer, requestProducer } from './producer-headers.js';

/** A body of lines that is no longer than this is read at once: a line may have one byte. */
const LINES_AT_ONCE_BYTES_MAX = 16 * 1024;

export interface ProduceRouteOptions {
  readonly limits: RecordLimits;
  /** Producing to a missing topic creates it. */
  readonly autoCreateTopics: boolean;
}

/** A parsed produce request without its body. */
interface Produce {
  readonly topic: string;
  readonly query: ProduceQuery;
  readonly form: BodyForm;
  readonly producer: RequestProducer | undefined;
}

/**
 * `POST /v1/topics/{topic}/records`, `records:raw` and `records:ndjson`: sends the body's records,
 * in any form, to the broker.
 *
 * The head is checked before the body is requested, and the whole body before the broker sees a
 * record. Only streams of lines differ: each line is independent. Lines with a producer id are one
 * record batch, not a stream.
 *
 * Overlap: all requests may overlap; the broker orders what they write.
 */
export class ProduceRoute {
  readonly #broker: Broker;
  readonly #options: ProduceRouteOptions;

  constructor(broker: Broker, options: ProduceRouteOptions) {
    this.#broker = broker;
    this.#options = options;
  }

  /** @throws ProtocolError if the head alone is refused */
  handle(exchange: Exchange, topic: string, pathForm: RecordsForm): void {
    const { headers } = exchange.request;
    const query = produceQuery(exchange.search);
    const form = bodyForm(headers['content-type'], query, pathForm);
    const producer = requestProducer(headers);
    if (producer !== undefined) {
      const token = headers['producer-token']?.toString();
      const { access, context } = exchange;
      assertOwnProducer(context.security?.producerTokens, { producer, access, token });
    }
    const broker = this.#broker;
    const options = this.#options;
    const { autoCreateTopics } = options;
    assertMayProduceTo(broker, { topic, autoCreateTopics, access: exchange.access });
    if (form === 'ndjson' || form === 'value-lines') {
      if (producer === undefined) {
        produceNdjson({ exchange, broker, limits: options.limits, topic, query, form });
        return;
      }
      if (form === 'ndjson') throw producerOverLines();
    }
    const produce: Produce = { topic, query, form, producer };
    readBody(exchange, (body) => {
      const atOnceMax = form === 'value-lines' ? LINES_AT_ONCE_BYTES_MAX : AT_ONCE_BYTES_MAX;
      const isRead = form === 'raw' || body.length <= atOnceMax;
      if (isRead) this.#produce(exchange, produce, recordsOf(body, produce, options.limits));
      else this.#produceLarge(exchange, produce, body);
    });
  }

  /** Reads the body in slices, so that other requests are not delayed. */
  #produceLarge(exchange: Exchange, produce: Produce, body: Buffer): void {
    const batchBytesMax = this.#broker.topicLimits(produce.topic)?.maxMessageBytes;
    const limits = { ...this.#options.limits, ...(batchBytesMax && { batchBytesMax }) };
    this.#produceInSlices(exchange, produce, largeRecordsOf(body, produce, limits)).catch(
      (error: unknown) => {
        exchange.fail(error);
      },
    );
  }

  async #produceInSlices(
    exchange: Exchange,
    produce: Produce,
    reading: SlicedWork<RecordSet>,
  ): Promise<void> {
    const { memory } = exchange;
    let records: RecordSet;
    memory.workBegan();
    try {
      records = await inSlices(reading);
    } finally {
      memory.workEnded();
    }
    if (exchange.isGone) return;
    exchange.assertStillPermitted(true);
    this.#produce(exchange, produce, records);
  }

  /** @throws ProtocolError if the records do not fit the request */
  #produce(exchange: Exchange, produce: Produce, sent: RecordSet | LineRecords): void {
    const { query, producer, topic } = produce;
    const records = this.#addressed(produce, sent);
    const request = new RequestToProduce(exchange, topic, records, query);
    if (producer !== undefined) request.producer = producer;
    if ('lines' in sent) request.lines = sent.lines;
    exchange.memory.hold(recordSetBytes(records));
    inQuota(exchange, 'producer_byte_rate', records.source.length, () => {
      this.#send(exchange, produce, request);
    });
  }

  #send(exchange: Exchange, produce: Produce, request: RequestToProduce): void {
    const { memory } = exchange;
    memory.workBegan();
    this.#broker
      .as(exchange.access.caller)
      .produce(request)
      .finally(() => {
        memory.workEnded();
      })
      .then((result) => answer(exchange, request, result))
      .catch((error: unknown) => {
        const isPartitionInQuery = produce.query.partition !== undefined;
        const placesOf = () => this.#placesOf(produce, request.records, isPartitionInQuery);
        exchange.fail(withRequestPointers(error, placesOf));
      });
  }

  /**
   * Returns the records with the partition of the query.
   * @throws ProtocolError if their partitions contradict it, or the producer
   */
  #addressed(produce: Produce, records: RecordSet): RecordSet {
    const { form, producer } = produce;
    const { partition } = produce.query;
    try {
      const addressed =
        form === 'json' && partition !== undefined ? withPartition(records, partition) : records;
      if (producer !== undefined) assertOnePartition(addressed);
      return addressed;
    } catch (error) {
      // The partition of a record in JSON is at fault here, not the one of the query.
      throw withRequestPointers(error, () => this.#placesOf(produce, records, false));
    }
  }

  #placesOf({ form }: Produce, { source }: RecordSet, isPartitionInQuery: boolean): RecordPlaces {
    const isList = form === 'json' && !isOneRecord(source, this.#options.limits);
    return bodyPlaces({ form, list: isList ? RECORDS_POINTER : undefined, isPartitionInQuery });
  }
}

/**
 * The request to the broker. The signal that ends a wait for buffer memory is created when the
 * broker reads it, which is just before a wait: hardly ever.
 */
class RequestToProduce implements ProduceRequest {
  readonly acks: Acks;
  readonly timeoutMs: number;
  readonly partitioner: 'sticky' | 'roundrobin';
  producer?: RequestProducer;
  /** Numbers of the lines of the records, if these came as lines. */
  lines?: readonly number[];
  readonly report: 'all' | 'errors';
  readonly #exchange: Exchange;

  constructor(
    exchange: Exchange,
    readonly topic: string,
    readonly records: RecordSet,
    query: ProduceQuery,
  ) {
    this.#exchange = exchange;
    this.acks = query.acks;
    this.timeoutMs = query.timeoutMs;
    this.partitioner = query.partitioner;
    this.report = query.report;
  }

  /** Aborted when the client disconnects, or with the error of a permission that is lost. */
  get signal(): AbortSignal {
    const controller = new AbortController();
    this.#exchange.guard();
    this.#exchange.watch({
      accessLost: (error) => {
        controller.abort(error);
      },
      closed: () => {
        controller.abort();
      },
    });
    if (this.#exchange.isGone) controller.abort();
    return controller.signal;
  }
}

function recordsOf(body: Buffer, produce: Produce, limits: RecordLimits): RecordSet {
  const { form, query } = produce;
  const { key, partition } = query;
  if (form === 'value-lines') return atOnce(linesOf(body, produce, limits));
  if (form !== 'json') return rawRecord(body, { key, partition, valueIsJson: form === 'raw-json' });
  return parseJsonRecords(body, limits);
}

/** Does the same as `recordsOf`, in slices. */
function* largeRecordsOf(
  body: Buffer,
  produce: Produce,
  limits: RecordLimits,
): SlicedWork<RecordSet> {
  const { form, query } = produce;
  const { key, partition } = query;
  if (form === 'value-lines') return yield* linesOf(body, produce, limits);
  if (form !== 'json') {
    yield* assertLargeJson(body);
    return rawRecord(body, { key, partition, valueIsJson: 'checked' });
  }
  return yield* parseLargeBody(body, limits);
}

function linesOf(
  body: Buffer,
  { query }: Produce,
  { recordsMax }: RecordLimits,
): SlicedWork<LineRecords> {
  const { key, partition, lines } = query;
  return bodyLines(body, { key, partition, areText: lines === 'text', recordsMax });
}

function answer(
  exchange: Exchange,
  request: RequestToProduce,
  result: ProduceResult,
): Promise<void> | undefined {
  if (exchange.isGone) return undefined;
  const { response } = exchange;
  if (request.acks === '0') {
    response.writeHead(202, ['Content-Length', '0']);
    response.end();
    return undefined;
  }
  if (request.lines !== undefined) return answerLines(exchange, request, result);
  const text = producedText(result, request.records, exchange.instance);
  if (typeof text !== 'string') return text.then((whole) => send(exchange, result, whole));
  send(exchange, result, text);
  return undefined;
}

/** The lines are in one partition, so that the broker rejects them together. */
async function answerLines(
  exchange: Exchange,
  { lines = [], report }: RequestToProduce,
  { parts }: ProduceResult,
): Promise<void> {
  const [part] = parts;
  assert(part !== undefined && part.error === undefined, 'lines of a producer are one batch');
  const text = await inSlices(linesAnswer(part, lines, report));
  if (exchange.isGone) return;
  const headers = ['Content-Type', 'application/x-ndjson', 'Content-Length', String(text.length)];
  exchange.response.writeHead(200, headers);
  exchange.response.end(text, 'latin1');
  exchange.countUnreceived(text.length);
}

function send(exchange: Exchange, result: ProduceResult, text: string): void {
  if (exchange.isGone) return;
  const { response } = exchange;
  if (isPartial(result)) {
    // Details of problems are sentences, in any script.
    const bytes = Buffer.from(text);
    response.writeHead(207, jsonHeaders(bytes.length));
    response.end(bytes);
    exchange.countUnreceived(bytes.length);
    return;
  }
  response.writeHead(200, jsonHeaders(text.length));
  // The text has digits and names only, so that each character is one byte.
  response.end(text, 'latin1');
  exchange.countUnreceived(text.length);
}

function jsonHeaders(sizeBytes: number): string[] {
  return ['Content-Type', 'application/json', 'Content-Length', String(sizeBytes)];
}

function producerOverLines(): ProtocolError {
  return new ProtocolError(
    'INVALID_REQUEST',
    'A request with a producer id is one record batch: JSON, raw, or lines that are values ' +
      '(?lines=), not a stream of records in JSON.',
  );
}
