/** `publish`: passes records to the broker like `POST /v1/topics/{topic}/records`. */
import { type PublishData, producedText, SOCKET_PATH } from '#api';
import type { Acks, Broker, ProduceRequest, ProduceResult, RequestProducer } from '#broker';
import type { RecordSet } from '#protocol';
import type { RecordPlaces } from '#record-json';
import { assertMayProduceTo, type TopicToProduceTo } from '#record-routes';

/** The publications of one connection that wait for buffer memory. */
export class WaitingPublications {
  readonly #publications = new Set<Publication>();

  add(publication: Publication): void {
    this.#publications.add(publication);
  }

  delete(publication: Publication): void {
    this.#publications.delete(publication);
  }

  /** Ends the waits of those that the caller may no longer publish. */
  recheck(caller: { assertMayPublish(publication: Publication): void }): void {
    for (const publication of this.#publications) {
      try {
        caller.assertMayPublish(publication);
      } catch (error) {
        publication.endWait(error);
      }
    }
  }

  /** Ends all waits, at the end of the connection. */
  end(): void {
    for (const publication of this.#publications) publication.endWait();
  }
}

/** A message on its way to the broker. */
export class Publication implements ProduceRequest {
  readonly topic: string;
  readonly acks: Acks;
  readonly timeoutMs: number;
  readonly partitioner: 'sticky' | 'roundrobin';
  readonly records: RecordSet;
  readonly producer?: RequestProducer;
  /** Proof that the id of the producer was issued to the caller; undefined without one. */
  readonly producerToken: string | undefined;
  /** Locations of the members of the message's records. */
  readonly places: RecordPlaces;
  readonly #waiting: WaitingPublications;
  #controller: AbortController | undefined;

  /** @param waiting has it while it has to wait */
  constructor(data: PublishData, waiting: WaitingPublications) {
    this.topic = data.topic;
    this.acks = data.acks;
    this.timeoutMs = data.timeoutMs;
    this.partitioner = data.partitioner;
    this.records = data.records();
    this.places = data.places;
    this.producerToken = data.producerToken;
    if (data.producer !== undefined) this.producer = data.producer;
    this.#waiting = waiting;
  }

  /** True while the buffers are full: the publisher must not send more. */
  get isBlocked(): boolean {
    return this.#controller !== undefined;
  }

  /** Ends a wait for buffer memory. The broker reads it just before a wait: hardly ever. */
  get signal(): AbortSignal {
    const controller = this.#controller ?? new AbortController();
    this.#controller = controller;
    this.#waiting.add(this);
    return controller.signal;
  }

  /** Ends its wait, with this error if there is one. */
  endWait(error?: unknown): void {
    this.#controller?.abort(error);
  }

  /**
   * @returns the data of `published`, JSON text
   * @throws ProtocolError the error of produce
   */
  async send(
    broker: Broker,
    { autoCreateTopics, access }: Omit<TopicToProduceTo, 'topic'>,
  ): Promise<string> {
    assertMayProduceTo(broker, { topic: this.topic, autoCreateTopics, access });
    try {
      const text = this.#answerOf(await broker.produce(this));
      return typeof text === 'string' ? text : await text;
    } finally {
      if (this.#controller !== undefined) this.#waiting.delete(this);
    }
  }

  #answerOf(result: ProduceResult): string | Promise<string> {
    if (this.acks === '0') return '{"offsets":null}';
    return producedText(result, this.records, SOCKET_PATH);
  }
}
