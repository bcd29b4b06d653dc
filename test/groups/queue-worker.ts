import { setTimeout } from 'node:timers/promises';
import { type Message, SocketClient } from '../ws/socket-client.js';
import type { QueuedRecord } from './rest-queue.js';

/**
 * Everything that the workers of one queue were told. It names records by their values, so the
 * values of a queue differ.
 */
export class QueueLedger {
  /** Records whose acknowledgement was answered. */
  readonly done = new Set<unknown>();
  /** Records that were delivered after that. */
  readonly faults: unknown[] = [];
  /** Records whose acknowledgement was sent and not answered: they are done, or come back. */
  readonly #unanswered = new Set<unknown>();

  deliver({ value }: QueuedRecord): void {
    if (this.done.has(value)) this.faults.push(value);
  }

  /** The acknowledgement of a record is on its way. */
  send({ value }: QueuedRecord): void {
    this.#unanswered.add(value);
  }

  /** The acknowledgement of a record was answered. */
  answer({ value }: QueuedRecord, isDone: boolean): void {
    this.#unanswered.delete(value);
    if (isDone) this.done.add(value);
  }

  /**
   * The values of records that no worker can have done, although the group is done with all
   * records: those that were lost.
   */
  lost(values: readonly unknown[]): unknown[] {
    return values.filter((value) => !this.done.has(value) && !this.#unanswered.has(value));
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
    if (isPoison(record.value)) {
      client.send('nack', about);
      return;
    }
    ledger.send(record);
    const { event, data } = await client.request('ack', about);
    if (!isOutcomeUnknown(data)) ledger.answer(record, event === 'acked' || isApplied(data));
  }
}

/**
 * A worker on REST: each call goes to another broker. It sends its acknowledgements again until
 * they are answered.
 */
export class RestWorker extends QueueWorker {
  readonly #memberId = `rest-${Math.random().toString(36).slice(2)}`;
  #isMember = false;
  /** Records that it has and did not get an answer for. */
  #held: readonly QueuedRecord[] = [];

  async work(url: string): Promise<void> {
    const { group, topic, ledger } = this.queue;
    const members = `${url}/v1/groups/${group}/members`;
    if (!this.#isMember) {
      const join = { memberId: this.#memberId, topics: [topic], mode: 'queue' };
      await send(members, { ...join, autoOffsetReset: 'earliest' });
      this.#isMember = true;
    }
    if (this.#held.length === 0) {
      const polled = await send(`${members}/${this.#memberId}/records?limit=8&waitMs=500`);
      this.#isMember = polled.status !== 404;
      this.#held = (polled.body['records'] ?? []) as QueuedRecord[];
      for (const record of this.#held) ledger.deliver(record);
    }
    if (this.#held.length > 0) await this.#acknowledge(`${members}/${this.#memberId}/acks`);
  }

  async #acknowledge(url: string): Promise<void> {
    const { topic, ledger, isPoison } = this.queue;
    const sound = this.#held.filter(({ value }) => !isPoison(value));
    for (const record of sound) ledger.send(record);
    const acks = this.#held.map(({ partition, offset, value }) => {
      return { topic, partition, offset, type: isPoison(value) ? 'nack' : 'ack' };
    });
    const { status, body } = await send(url, { acks });
    if (status >= 500) throw new Error(`the acknowledgements were answered ${status}`);
    const results = (body['acks'] ?? []) as { error?: { outcome?: string } }[];
    for (const [at, { error }] of results.entries()) {
      const record = this.#held[at];
      if (record !== undefined && sound.includes(record)) {
        ledger.answer(record, error === undefined || isApplied(error));
      }
    }
    // Nobody knows what became of an earlier try when the session was over meanwhile.
    this.#isMember = status !== 404;
    this.#held = [];
  }
}

/** True when the group was done with the record before: an earlier answer was lost. */
function isApplied({ outcome }: { readonly outcome?: string }): boolean {
  return outcome === 'applied';
}

function isOutcomeUnknown({ outcome }: { readonly outcome?: string }): boolean {
  return outcome === 'unknown';
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
