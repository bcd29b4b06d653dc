import { type Message, SocketClient } from './socket-client.js';

/** A record that a member of a queue has got. */
export interface QueuedRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly value: unknown;
  readonly deliveryCount: number;
}

/** A member of a queue group over a WebSocket. */
export class QueueClient {
  private constructor(
    readonly client: SocketClient,
    readonly topic: string,
  ) {}

  /** Subscribes as a member; throws if that is refused. */
  static async join(
    url: string,
    { topic, ...data }: { readonly topic: string; readonly group: string } & object,
  ): Promise<QueueClient> {
    const client = await SocketClient.open(url);
    const request = { subscription: 'q', mode: 'queue', from: 'earliest', topic, ...data };
    await client.subscribe(request);
    return new QueueClient(client, topic);
  }

  /** All records so far, in the order of their arrival. */
  get records(): QueuedRecord[] {
    return this.client.records('q') as unknown as QueuedRecord[];
  }

  get values(): unknown[] {
    return this.records.map(({ value }) => value);
  }

  /** Resolves with the records when that many have arrived. */
  async received(count: number): Promise<QueuedRecord[]> {
    return (await this.client.recordsOf('q', count)) as unknown as QueuedRecord[];
  }

  /** Sends an ack, or another message about records. */
  send(event: string, offsets: readonly number[], data: object = {}): Promise<Message> {
    return this.client.request(event, this.#about(offsets, data));
  }

  /** Sends it without an id. */
  sendSilently(event: string, offsets: readonly number[], data: object = {}): void {
    this.client.sendRaw(JSON.stringify({ event, data: this.#about(offsets, data) }));
  }

  close(): Promise<unknown> {
    return this.client.close();
  }

  #about(offsets: readonly number[], data: object): object {
    const [offset] = offsets;
    const which = offsets.length === 1 ? { offset } : { offsets };
    return { subscription: 'q', topic: this.topic, partition: 0, ...which, ...data };
  }
}
