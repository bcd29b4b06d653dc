/** Workers of one group on the brokers of a cluster, over REST and WebSocket, under faults. */
import { setTimeout } from 'node:timers/promises';
import type { ClusterProcesses } from '../support/cluster-processes.js';
import { until } from '../support/until.js';
import { SocketClient } from '../ws/socket-client.js';
import { RestMember, type RestPoll } from './rest-member.js';

const PAUSE_MS = 50;
const CREDIT = 20;
const CALL_MS = 5000;

interface WorkerOptions {
  readonly group: string;
  readonly topic: string;
  readonly sessionTimeoutMs: number;
}

/** A worker that runs until it is stopped; it joins again whenever it is no longer a member. */
abstract class Worker {
  /** Values that it got, with repeats. */
  readonly values: number[] = [];
  /** Answers that no worker may get. */
  readonly faults: string[] = [];
  protected isStopped = false;
  #turn: number;
  #done: Promise<void> = Promise.resolve();

  constructor(
    protected readonly cluster: ClusterProcesses,
    protected readonly options: WorkerOptions,
    first: number,
  ) {
    this.#turn = first;
  }

  start(): this {
    this.#done = this.run();
    return this;
  }

  stop(): Promise<void> {
    this.isStopped = true;
    return this.#done;
  }

  protected abstract run(): Promise<void>;

  /** URL of another broker at each call. */
  protected nextUrl(): string {
    const { running } = this.cluster;
    this.#turn += 1;
    const url = running[this.#turn % running.length]?.url;
    if (url === undefined) throw new Error('no broker is up');
    return url;
  }
}

export class RestWorker extends Worker {
  /** Refused requests of a process that was no longer a member. */
  fenced = 0;
  #member: RestMember | undefined;
  #isFrozen = false;
  /** True while it is frozen and no request of it is under way. */
  #isStill = false;

  /**
   * Stops all requests of the worker, as SIGSTOP does, once it is a member. Resolves when its last
   * request is over.
   * @returns the id of its member
   */
  async freeze(): Promise<string> {
    this.#isFrozen = true;
    return until('the worker is frozen as a member', () => {
      return this.#isStill ? this.#member?.memberId : undefined;
    });
  }

  /** Lets the worker go on as if nothing had happened: first it commits with its old generation. */
  async thaw(): Promise<void> {
    const member = this.#member;
    if (member !== undefined) {
      member.url = this.nextUrl();
      const [place] = member.assignment;
      const offsets = place === undefined ? [] : [{ ...place, offset: 0 }];
      // A coordinator may just be changing.
      const status = await until('the commit of a zombie is answered', async () => {
        const answer = await member.commit(offsets);
        return answer.status < 500 && answer.status;
      });
      if (status === 404 || status === 409) this.fenced += 1;
      else this.faults.push(`the commit of a zombie was answered ${status}`);
    }
    this.#isStill = false;
    this.#isFrozen = false;
  }

  protected async run(): Promise<void> {
    while (!this.isStopped) {
      if (this.#isFrozen && this.#member !== undefined) {
        this.#isStill = true;
        await setTimeout(PAUSE_MS);
        continue;
      }
      try {
        if (this.#member === undefined) await this.#join();
        else await this.#poll(this.#member);
      } catch {
        // The broker died, or was cut off: the next request goes to another one.
        await setTimeout(PAUSE_MS);
      }
    }
  }

  async #join(): Promise<void> {
    const { group, topic, sessionTimeoutMs } = this.options;
    const request = { topics: [topic], autoOffsetReset: 'earliest', sessionTimeoutMs };
    this.#member = await RestMember.join(this.nextUrl(), group, request);
  }

  async #poll(member: RestMember): Promise<void> {
    member.url = this.nextUrl();
    const { status, body } = await within(member.tryPoll('waitMs=500'));
    if (status === 200) {
      const polled = body as RestPoll;
      member.cursor = polled.cursor;
      member.generation = polled.generation;
      member.assignment = polled.assignment;
      this.values.push(...polled.records.map(({ value }) => Number(value)));
      if (polled.resets.length > 0) this.faults.push(`moved: ${JSON.stringify(polled.resets)}`);
    } else if (status === 404 || status === 409) {
      this.#member = undefined;
    } else if (status < 500) {
      this.faults.push(`a poll was answered ${status}: ${JSON.stringify(body)}`);
    }
  }
}

export class SocketWorker extends Worker {
  #client: SocketClient | undefined;

  /** Breaks the connection without a close frame, as a crash does. */
  crash(): void {
    this.#client?.terminate();
  }

  /** Reads nothing from the connection any more, as a process under SIGSTOP. */
  freeze(): void {
    this.#client?.socket.pause();
  }

  thaw(): void {
    this.#client?.socket.resume();
  }

  override stop(): Promise<void> {
    const stopped = super.stop();
    this.#client?.terminate();
    return stopped;
  }

  protected async run(): Promise<void> {
    while (!this.isStopped) {
      try {
        await this.#serve();
      } catch {
        // The connection could not be opened, or broke.
      }
      await setTimeout(PAUSE_MS);
    }
  }

  async #serve(): Promise<void> {
    const { group, topic, sessionTimeoutMs } = this.options;
    const client = await within(SocketClient.open(this.nextUrl()));
    this.#client = client;
    client.socket.on('message', (bytes: Buffer) => this.#take(client, bytes));
    const member = { group, topic, from: 'earliest', sessionTimeoutMs };
    client.send('subscribe', { subscription: 's', ...member, autoCommit: true, credit: CREDIT });
    await client.closed;
  }

  #take(client: SocketClient, bytes: Buffer): void {
    const { event, data } = JSON.parse(bytes.toString()) as SocketClient['messages'][number];
    const records = data.records ?? [];
    this.values.push(...records.map(({ value }) => Number(value)));
    if (records.length > 0) {
      client.send('credit', { subscription: 's', records: records.length });
    }
    if (event === 'error' || event === 'unsubscribed') client.terminate();
  }
}

/** A paused broker answers late or never. */
async function within<T>(answer: Promise<T>): Promise<T> {
  const ended = new AbortController();
  const late = setTimeout(CALL_MS, undefined, { signal: ended.signal }).then(() => {
    throw new Error('no answer in time');
  });
  late.catch(() => undefined);
  try {
    return await Promise.race([answer, late]);
  } finally {
    ended.abort();
  }
}
