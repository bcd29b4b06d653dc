import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { EventSourceParser, type ReceivedEvent } from '#event-stream/testing';

/** A record in an event. */
export interface EventRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly value: unknown;
}

/** Takes leader epochs and the topic out of an event id, so that `0:12,1:7` is left. */
export function offsetsOf(eventId: string): string {
  return eventId.replace(/;.*/, '').replaceAll(/(\d+:\d+):\d+/g, '$1');
}

/**
 * A reader of one event stream that a test can pause, cut and query. It never reconnects by itself.
 * Its methods wait for data, never for time to pass.
 */
export class EventClient {
  readonly #request: ClientRequest;
  readonly #response: IncomingMessage;
  readonly #parser = new EventSourceParser();
  #receivedBytes = 0;
  #end: 'clean' | 'cut' | undefined;
  #wake: (() => void) | undefined;

  private constructor(outgoing: ClientRequest, response: IncomingMessage) {
    this.#request = outgoing;
    this.#response = response;
    outgoing.on('error', () => undefined);
    response.on('data', (bytes: Buffer) => {
      this.#receivedBytes += bytes.length;
      this.#parser.feed(bytes);
      this.#wake?.();
    });
    response.on('error', () => undefined);
    response.on('close', () => {
      this.#end = response.complete ? 'clean' : 'cut';
      this.#wake?.();
    });
  }

  /** Opens a stream; fails if it is refused. @param path after `/v1/topics/`, with its query */
  static async open(
    url: string,
    path: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<EventClient> {
    const outgoing = request(`${url}/v1/topics/${path}`, { headers, agent: false });
    outgoing.end();
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    if (response.statusCode !== 200) {
      response.resume();
      throw new Error(`the stream was refused with ${response.statusCode}`);
    }
    return new EventClient(outgoing, response);
  }

  get headers(): IncomingMessage['headers'] {
    return this.#response.headers;
  }

  /** The id with which an EventSource would resume. */
  get lastEventId(): string {
    return this.#parser.lastEventId;
  }

  /** The next offset of each partition in the last id, such as `0:12,1:7`. */
  get lastOffsets(): string {
    return offsetsOf(this.lastEventId);
  }

  get retryMs(): number | undefined {
    return this.#parser.retryMs;
  }

  get comments(): number {
    return this.#parser.comments;
  }

  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /** Resolves with the next event. @throws if the stream ends before it */
  async next(): Promise<ReceivedEvent> {
    await this.until(() => this.#parser.events.length > 0);
    const event = this.#parser.events.shift();
    if (event === undefined) throw new Error('there was an event');
    return event;
  }

  /** Resolves with the next event, which must be a record. */
  async record(): Promise<EventRecord> {
    const { type, data } = await this.next();
    if (type !== 'record') throw new Error(`received ${type}: ${data}`);
    return JSON.parse(data) as EventRecord;
  }

  async records(count: number): Promise<EventRecord[]> {
    const records: EventRecord[] = [];
    while (records.length < count) records.push(await this.record());
    return records;
  }

  /** Resolves when the condition is true; checks it whenever data arrives. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.#end !== undefined) throw new Error(`the stream ended (${this.#end})`);
      await this.#more();
    }
  }

  /** Resolves with the end of the stream: the end of its response, or a cut connection. */
  async ended(): Promise<'clean' | 'cut'> {
    while (this.#end === undefined) await this.#more();
    return this.#end;
  }

  /** Stops reading, so that the gateway cannot send more. */
  pause(): void {
    this.#response.pause();
  }

  resume(): void {
    this.#response.resume();
  }

  /** Disconnects at once. */
  abort(): void {
    this.#request.destroy();
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
