import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import {
  EventSourceParser,
  type ReceivedEvent,
} from '../../apps/gateway/src/sse/testing/event-source-parser.js';

/** A record as an event carries it. */
export interface EventRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly value: unknown;
}

/**
 * A reader of one stream of events that a test can pause, cut and ask. It never connects again by
 * itself. Waiting is for something to arrive, never for time to pass.
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

  /** Opens a stream; fails when it is refused. @param path after `/v1/topics/`, with its query */
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

  /** What an EventSource would resume with. */
  get lastEventId(): string {
    return this.#parser.lastEventId;
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

  /** The next event. @throws when the stream ends before it */
  async next(): Promise<ReceivedEvent> {
    await this.until(() => this.#parser.events.length > 0);
    const event = this.#parser.events.shift();
    if (event === undefined) throw new Error('there was an event');
    return event;
  }

  /** The next event, which is a record. */
  async record(): Promise<EventRecord> {
    const { type, data } = await this.next();
    if (type !== 'record') throw new Error(`there came ${type}: ${data}`);
    return JSON.parse(data) as EventRecord;
  }

  async records(count: number): Promise<EventRecord[]> {
    const records: EventRecord[] = [];
    while (records.length < count) records.push(await this.record());
    return records;
  }

  /** Resolves when it holds, as seen whenever something arrives. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      if (this.#end !== undefined) throw new Error(`the stream ended (${this.#end})`);
      await this.#more();
    }
  }

  /** How the stream ended: with the end of its response, or cut off. */
  async ended(): Promise<'clean' | 'cut'> {
    while (this.#end === undefined) await this.#more();
    return this.#end;
  }

  /** Reads no more for now, so that the gateway cannot go on sending. */
  pause(): void {
    this.#response.pause();
  }

  resume(): void {
    this.#response.resume();
  }

  /** Goes away, at once and without a word. */
  abort(): void {
    this.#request.destroy();
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
