import { setTimeout } from 'node:timers/promises';
import { type Message, SocketClient } from '../ws/socket-client.js';
import type { QueuedRecord } from './rest-queue.js';

/** Everything that the workers of one queue were told. */
export class QueueLedger {
  /** Records whose acknowledgement was answered, as `partition offset`. */
  readonly done = new Set<string>();
  /** Records that were delivered after that. */
  readonly faults: string[] = [];
  deliveries = 0;

  deliver({ partition, offset }: Pick<QueuedRecord, 'partition' | 'offset'>): void {
    this.deliveries += 1;
    if (this.done.has(`${partition} ${offset}`)) this.faults.push(`${partition} ${offset}`);
  }

  finish({ partition, offset }: Pick<QueuedRecord, 'partition' | 'offset'>): void {
    this.done.add(`${partition} ${offset}`);
  }
}

/** A queue, its ledger and the brokers that its workers call. */
export interface SharedQueue {
  readonly group: string;
  readonly topic: string;
  readonly ledger: QueueLedger;
  /** Records that no worker can process. */
  readonly isPoison: (value: unknown) => boolean;
}

/** A worker that runs until it is stopped, whatever happens to brokers and connections. */
abstract class QueueWorker {
  isStopped = false;
  readonly done: Promise<void>;
  #turn = 0;

  constructor(
    readonly queue: SharedQueue,
    readonly urls: () => readonly string[],
  ) {
    this.done = this.#run();
  }

  stop(): Promise<void> {
    this.isStopped = true;
    return this.done;
  }

  /** Works until something fails. */
  abstract work(url: string): Promise<void>;

  async #run(): Promise<void> {
    // The constructor of the subclass runs first.
    await setTimeout(0);
    while (!this.isStopped) {
      const urls = this.urls();
      this.#turn += 1;
      try {
        await this.work(urls[this.#turn % urls.length] ?? '');
      } catch {
        await setTimeout(100);
      }
    }
  }
}

/** A worker on WebSockets: it connects again to another broker when its connection breaks. */
export class SocketWorker extends QueueWorker {
  #client: SocketClient | undefined;
  url = '';

  override async stop(): Promise<void> {
    this.isStopped = true;
    this.disconnect();
    await this.done;
  }

  /** Ends the connection without a close frame. */
  disconnect(): void {
    this.#client?.terminate();
  }

  async work(url: string): Promise<void> {
    const client = await SocketClient.open(url);
    this.#client = client;
    this.url = url;
    let handled = 0;
    client.socket.on('message', () => {
      for (; handled < client.messages.length; handled += 1) {
        this.#take(client, client.messages[handled] as Message);
      }
    });
    const { group, topic } = this.queue;
    const data = { subscription: 'q', group, topic, mode: 'queue', from: 'earliest', credit: 8 };
    client.send('subscribe', data);
    await client.closed;
    await setTimeout(50);
  }

  #take(client: SocketClient, { event, data }: Message): void {
    if (event === 'error' && data.code !== 'INVALID_RECORD_STATE') client.terminate();
    if (event !== 'records') return;
    for (const record of (data.records ?? []) as unknown as QueuedRecord[]) {
      void this.#handle(client, record);
    }
  }

  async #handle(client: SocketClient, record: QueuedRecord): Promise<void> {
    const { topic, partition, offset } = record;
    const { ledger, isPoison } = this.queue;
    ledger.deliver(record);
    const about = { subscription: 'q', topic, partition, offset };
    const answer = await client.request(isPoison(record.value) ? 'nack' : 'ack', about);
    if (answer.event === 'acked' && !isPoison(record.value)) ledger.finish(record);
  }
}

/** A worker on REST: each call goes to another broker. */
export class RestWorker extends QueueWorker {
  readonly #memberId = `rest-${Math.random().toString(36).slice(2)}`;
  #isMember = false;

  async work(url: string): Promise<void> {
    const { group, topic, ledger, isPoison } = this.queue;
    const members = `${url}/v1/groups/${group}/members`;
    if (!this.#isMember) {
      const join = { memberId: this.#memberId, topics: [topic], mode: 'queue' };
      await send(members, { ...join, autoOffsetReset: 'earliest' });
      this.#isMember = true;
    }
    const polled = await send(`${members}/${this.#memberId}/records?limit=8&waitMs=500`);
    if (polled.status === 404) this.#isMember = false;
    const records = (polled.body['records'] ?? []) as QueuedRecord[];
    for (const record of records) ledger.deliver(record);
    if (records.length === 0) return;
    const acks = records.map(({ partition, offset, value }) => {
      return { topic, partition, offset, type: isPoison(value) ? 'nack' : 'ack' };
    });
    const answered = await send(`${members}/${this.#memberId}/acks`, { acks });
    const results = (answered.body['acks'] ?? []) as { error?: object }[];
    for (const [at, { error }] of results.entries()) {
      const record = records[at];
      if (error === undefined && record !== undefined && !isPoison(record.value)) {
        ledger.finish(record);
      }
    }
  }
}

async function send(url: string, body?: object) {
  const response = await fetch(url, {
    method: body === undefined ? 'GET' : 'POST',
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    headers: { 'Content-Type': 'application/json' },
    signal: AbortSignal.timeout(5000),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}
