/** Readers that fail as soon as their records differ from the log from their start position on. */
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { EventClient, offsetsOf } from '../sse/event-client.js';

interface Position {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

interface ShownRecord {
  readonly partition: number;
  readonly offset: number;
  readonly value: unknown;
}

/** The next offset of each partition, and the check of each record's content. */
export class History {
  readonly next = new Map<number, number>();
  received = 0;
  readonly #topic: string;

  constructor(topic: string) {
    this.#topic = topic;
  }

  /** @throws when it is not the next record, or its content names another offset */
  take({ partition, offset, value }: ShownRecord): void {
    const next = this.next.get(partition);
    if (offset !== next) {
      throw new Error(`${this.#topic}-${partition}: offset ${offset} came for ${next}`);
    }
    const written = (value as { readonly n?: number }).n ?? offset;
    if (written !== offset)
      throw new Error(`${this.#topic}-${partition}: ${offset} has ${written}`);
    this.next.set(partition, offset + 1);
    this.received += 1;
  }

  moveTo(partition: number, offset: number): void {
    this.next.set(partition, offset);
  }

  positions(): Position[] {
    return [...this.next].map(([partition, offset]) => ({ topic: this.#topic, partition, offset }));
  }

  hasReached(ends: readonly number[]): boolean {
    return ends.every((end, partition) => (this.next.get(partition) ?? 0) >= end);
  }
}

interface SocketMessage {
  readonly event: string;
  readonly data: {
    readonly code?: string;
    readonly detail?: string;
    readonly partition?: number;
    readonly offset?: number;
    readonly positions?: readonly Position[];
    readonly records?: readonly ShownRecord[];
  };
}

export interface SubscribeOptions {
  readonly from?: unknown;
  readonly credit?: number;
  readonly autoOffsetReset?: 'earliest' | 'latest';
}

/** A WebSocket client with one subscription to one topic. */
export class CheckedSocket {
  readonly history: History;
  /** The first fault; it ends the reader. */
  fault: Error | undefined;
  resets = 0;
  #socket: WebSocket | undefined;
  #wake: (() => void) | undefined;
  #isSubscribed = false;
  readonly #url: string;
  readonly #topic: string;

  constructor(url: string, topic: string) {
    this.#url = url;
    this.#topic = topic;

    this.history = new History(topic);
  }

  /** Resolves when the server has answered the subscription. */
  async open(options: SubscribeOptions = {}): Promise<void> {
    const url = `${this.#url.replace('http', 'ws')}/v1/ws`;
    const socket = new WebSocket(url, 'sluice.v1', { perMessageDeflate: false });
    this.#socket = socket;
    this.#isSubscribed = false;
    socket.on('message', (data: Buffer) => {
      // Records that an abandoned socket had received do not count.
      if (socket === this.#socket) this.#receive(data);
    });
    socket.on('error', (error) => {
      this.#fail(error);
    });
    await once(socket, 'open');
    const data = { subscription: 'stress', topic: this.#topic, ...options };
    socket.send(JSON.stringify({ event: 'subscribe', data }));
    await this.until(() => this.#isSubscribed);
  }

  grant(records: number): void {
    const data = { subscription: 'stress', records };
    this.#socket?.send(JSON.stringify({ event: 'credit', data }));
  }

  /** Stops reading, so that the gateway cannot send any more. */
  pause(): void {
    this.#socket?.pause();
  }

  resume(): void {
    this.#socket?.resume();
  }

  /** Disconnects without a close frame. Received records count; records on their way do not. */
  cut(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.terminate();
  }

  /** Reconnects and continues after the last record. */
  reopen(options: SubscribeOptions = {}): Promise<void> {
    return this.open({ ...options, from: { offsets: this.history.positions() } });
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      if (this.fault !== undefined) throw this.fault;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.fault !== undefined) throw this.fault;
  }

  #receive(data: Buffer): void {
    try {
      this.#take(JSON.parse(data.toString()) as SocketMessage);
    } catch (error) {
      this.#fail(error as Error);
    }
    this.#wake?.();
  }

  #take({ event, data }: SocketMessage): void {
    if (event === 'records') {
      if (!this.#isSubscribed) throw new Error('records came before the positions');
      for (const record of data.records ?? []) this.history.take(record);
    } else if (event === 'subscribed') {
      this.#isSubscribed = true;
      for (const { partition, offset } of data.positions ?? []) {
        this.history.moveTo(partition, offset);
      }
    } else if (event === 'reset') {
      this.resets += 1;
      this.history.moveTo(data.partition ?? -1, data.offset ?? -1);
    } else {
      throw new Error(`received ${event}: ${data.code} ${data.detail}`);
    }
  }

  #fail(error: Error): void {
    this.fault ??= error;
    this.#wake?.();
  }
}

/** A reader of server-sent events that resumes with the id of its last event. */
export class CheckedEvents {
  readonly history: History;
  resets = 0;
  #client: EventClient | undefined;
  #lastEventId: string | undefined;
  readonly #url: string;
  readonly #topic: string;

  constructor(url: string, topic: string) {
    this.#url = url;
    this.#topic = topic;

    this.history = new History(topic);
  }

  /** Opens a new stream; the first event id defines its start. */
  async open(from: 'earliest' | 'latest'): Promise<void> {
    const client = await EventClient.open(this.#url, this.#path(`from=${from}`));
    this.#client = client;
    await client.until(() => client.lastEventId !== '');
    this.#moveTo(client.lastEventId);
  }

  /** Reconnects and continues after the last event. */
  async reopen(from: 'earliest' | 'latest'): Promise<void> {
    if (this.#lastEventId === undefined) {
      await this.open(from);
      return;
    }
    const headers = { 'Last-Event-ID': this.#lastEventId };
    this.#client = await EventClient.open(this.#url, this.#path(''), headers);
  }

  /** Reads until the condition is true. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      const { type, data, lastEventId } = await this.#opened().next();
      if (type === 'record') this.#take(JSON.parse(data) as ShownRecord, lastEventId);
      else if (type === 'reset') this.#reset(data);
      else throw new Error(`received ${type}: ${data}`);
      this.#lastEventId = lastEventId;
    }
  }

  pause(): void {
    this.#client?.pause();
  }

  resume(): void {
    this.#client?.resume();
  }

  cut(): void {
    this.#client?.abort();
  }

  #take(record: ShownRecord, eventId: string): void {
    if (this.#lastEventId === undefined) {
      // More than the first id may have arrived at once: the id of the first record defines the
      // start too.
      this.#moveTo(eventId);
      this.history.moveTo(record.partition, record.offset);
    }
    this.history.take(record);
  }

  #reset(data: string): void {
    const { partition, offset } = JSON.parse(data) as Position;
    this.resets += 1;
    this.history.moveTo(partition, offset);
  }

  #moveTo(id: string): void {
    for (const part of offsetsOf(id).split(',')) {
      const [partition, offset] = part.split(':').map(Number);
      this.history.moveTo(partition ?? -1, offset ?? -1);
    }
  }

  #path(query: string): string {
    return `${this.#topic}/events?autoOffsetReset=earliest&${query}`;
  }

  #opened(): EventClient {
    if (this.#client === undefined) throw new Error('the stream is not open');
    return this.#client;
  }
}
