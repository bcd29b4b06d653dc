/**
 * The port through which a producer reaches a cluster. `libs/client` implements it over HTTP and
 * WebSocket; the tests of this lib implement it with a model of a broker.
 */

/** The effect on the log of a write that ended with an error. */
export type ProduceOutcome = 'failed' | 'unknown' | 'applied';

/** An error of the public contract, or one that the library made with `CreateError`. */
export interface ProduceFailure extends Error {
  /** Kafka's name of the error, for example `NOT_ENOUGH_REPLICAS`. */
  readonly code: string;
  /** True when the same request may succeed later. */
  readonly retriable: boolean;
  readonly outcome: ProduceOutcome;
  /** Time after which a retry makes sense, ms: `Retry-After` of the answer. */
  readonly retryAfterMs?: number | undefined;
}

/** Creates the errors that users of the library receive. */
export type CreateError = (
  code: string,
  detail: string,
  options: {
    readonly retriable: boolean;
    readonly outcome: ProduceOutcome;
    readonly cause?: unknown;
  },
) => ProduceFailure;

/** Content of the bytes of a key or a value: a transport sends JSON and text as such. */
export type Encoding = 'json' | 'text' | 'bytes';

/** A header as it is stored; names may repeat and keep their order. */
export interface StoredHeader {
  readonly key: string;
  readonly value: Uint8Array | null;
}

/** A record after serializers and partitioner. */
export interface SerializedRecord {
  /** null: the record has no key. */
  readonly key: Uint8Array | null;
  readonly keyEncoding: Encoding;
  /** null: the record is a tombstone. */
  readonly value: Uint8Array | null;
  readonly valueEncoding: Encoding;
  readonly headers: readonly StoredHeader[];
  /** Create time, ms since the epoch; undefined: the broker's time when it writes the record. */
  readonly timestamp: number | undefined;
  /** Time before which queue groups do not deliver the record, ms since the epoch. */
  readonly deliverAt: number | undefined;
  /** Time from now before which queue groups do not deliver the record, ms. */
  readonly delayMs: number | undefined;
}

/** An issued producer id: the answer of `POST /v1/producers`. */
export interface ProducerIdentity {
  readonly producerId: number;
  readonly producerEpoch: number;
  /** Proof that this caller may write under the id; undefined without authentication. */
  readonly producerToken?: string | undefined;
}

export type Acks = 'all' | '1' | '0';

export type CompressionType = 'none' | 'gzip';

/** One request: records of one partition. */
export interface TransportRequest {
  readonly topic: string;
  readonly partition: number;
  /** Leader of the partition as `topicMetadata` told it; any broker accepts the request. */
  readonly leader: BrokerKey | null;
  readonly records: readonly SerializedRecord[];
  /** Size of keys, values and headers, in bytes. */
  readonly sizeBytes: number;
  readonly acks: Acks;
  /** Time for the broker to write the records, ms; the producer aborts the signal a bit later. */
  readonly timeoutMs: number;
  /** Undefined when the producer is not idempotent. */
  readonly producer: ProducerIdentity | undefined;
  /** Sequence of the first record; meaningless without `producer`. */
  readonly baseSequence: number;
  readonly compression: CompressionType;
}

/** The answer to a request: an entry per record in their order, or null with `acks` of `0`. */
export interface TransportAnswer {
  readonly offsets: readonly { readonly offset: number; readonly timestamp: number }[] | null;
}

/** Names a broker: its id or its URL, whatever the transport uses. */
export type BrokerKey = number | string;

export interface TopicMetadata {
  /** The partitions in the order of their numbers, from 0 and without gaps. */
  readonly partitions: readonly { readonly leader: BrokerKey | null }[];
}

/**
 * All methods reject with a `ProduceFailure`. A request that certainly did not reach a broker is
 * `retriable` with outcome `failed`; one whose answer was lost (a cut connection, an aborted
 * signal) is `retriable` with outcome `unknown`. The code of both is `NETWORK_EXCEPTION`. Retries
 * are the producer's work, not the transport's.
 *
 * Overlap: all calls may overlap. Requests that were made over one connection begin at the broker
 * in the order of the calls.
 */
export interface ProduceTransport {
  /**
   * Requests of one partition that may be in flight together: 1 over HTTP, where requests may
   * overtake each other, 5 over a WebSocket. The producer reads it before every request.
   */
  readonly maxInFlightPerPartition: number;
  produce(request: TransportRequest, signal: AbortSignal): Promise<TransportAnswer>;
  /** Rejects with UNKNOWN_TOPIC_OR_PARTITION when there is no such topic. */
  topicMetadata(topic: string, signal: AbortSignal): Promise<TopicMetadata>;
  createProducerId(signal: AbortSignal): Promise<ProducerIdentity>;
}
