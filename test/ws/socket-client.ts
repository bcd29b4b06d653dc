import { once } from 'node:events';
import { type ClientOptions, WebSocket } from 'ws';

const SUBPROTOCOL = 'sluice.v1';

/** Data of a message: the members that tests use. */
interface MessageData {
  readonly subscription?: string;
  readonly topic?: string;
  readonly partition?: number;
  readonly offset?: number;
  readonly offsets?: readonly { readonly partition: number; readonly offset: number }[] | null;
  readonly positions?: readonly Position[];
  readonly partitions?: readonly { readonly topic: string; readonly partition: number }[];
  readonly records?: readonly ReceivedRecord[];
  readonly code?: string;
  readonly detail?: string;
  readonly outcome?: string;
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
  readonly [member: string]: unknown;
}

export interface Message {
  readonly event: string;
  readonly id?: string | number;
  readonly data: MessageData;
}

export interface ReceivedRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly value: unknown;
}

export interface Position {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** The end of a connection. */
export interface Closing {
  readonly code: number;
  readonly reason: string;
}

/** A client of `/v1/ws` that keeps everything it receives. */
export class SocketClient {
  readonly messages: Message[] = [];
  readonly closed: Promise<Closing>;
  #lastId = 0;
  #onMessage: (() => void)[] = [];

  private constructor(readonly socket: WebSocket) {
    socket.on('message', (bytes: Buffer) => {
      this.messages.push(JSON.parse(bytes.toString()) as Message);
      const waiting = this.#onMessage;
      this.#onMessage = [];
      for (const look of waiting) look();
    });
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        resolve({ code, reason: reason.toString() });
      });
    });
  }

  /**
   * @param url HTTP URL of the gateway
   * @param search query with its question mark
   */
  static async open(url: string, options: ClientOptions = {}, search = ''): Promise<SocketClient> {
    const target = `${url.replace(/^http/, 'ws')}/v1/ws${search}`;
    const socket = new WebSocket(target, SUBPROTOCOL, options);
    const client = new SocketClient(socket);
    await once(socket, 'open');
    return client;
  }

  /** Sends a message with an id; resolves with its answer. */
  request(event: string, data?: object): Promise<Message> {
    const id = this.send(event, data);
    return this.answer(id);
  }

  /** Sends a message with an id without waiting. */
  send(event: string, data?: object): number {
    this.#lastId += 1;
    this.socket.send(JSON.stringify({ event, id: this.#lastId, data }));
    return this.#lastId;
  }

  /** Sends any text or bytes as one message. */
  sendRaw(content: string | Buffer): void {
    this.socket.send(content);
  }

  async answer(id: number): Promise<Message> {
    await this.until(() => this.messages.some((message) => message.id === id));
    const answer = this.messages.find((message) => message.id === id);
    if (answer === undefined) throw new Error('there is no answer');
    return answer;
  }

  /** Resolves when the condition is true; checks it after every message. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.#onMessage.push(resolve);
      });
    }
  }

  /** Returns all messages of an event so far. */
  of(event: string): Message[] {
    return this.messages.filter((message) => message.event === event);
  }

  /** Returns all records of a subscription so far, in order of arrival. */
  records(subscription: string): ReceivedRecord[] {
    return this.of('records')
      .filter(({ data }) => data.subscription === subscription)
      .flatMap(({ data }) => data.records ?? []);
  }

  /** Resolves with the first `count` records of a subscription when they have arrived. */
  async recordsOf(subscription: string, count: number): Promise<ReceivedRecord[]> {
    await this.until(() => this.records(subscription).length >= count);
    return this.records(subscription);
  }

  /** Subscribes; throws if that is refused. */
  async subscribe(data: object): Promise<readonly Position[]> {
    const answer = await this.request('subscribe', data);
    if (answer.event !== 'subscribed') throw new Error(JSON.stringify(answer));
    return answer.data.positions ?? [];
  }

  async close(): Promise<Closing> {
    this.socket.close();
    return this.closed;
  }

  /** Ends the connection without a close frame. */
  terminate(): void {
    this.socket.terminate();
  }
}

/** Returns the offsets of each partition, in order of arrival. */
export function offsetsByPartition(records: readonly ReceivedRecord[]): Map<number, number[]> {
  const offsets = new Map<number, number[]>();
  for (const { partition, offset } of records) {
    const present = offsets.get(partition);
    if (present === undefined) offsets.set(partition, [offset]);
    else present.push(offset);
  }
  return offsets;
}
