/**
 * The effect of a failure on a client: the longest time without an answer, and without a record.
 */
import { WebSocket } from 'ws';
import type { Server } from './processes.js';

export interface Availability {
  /** Longest time between two acknowledged requests, ms. */
  readonly longestProduceGapMs: number;
  /** Longest time between two records of a subscription, ms. */
  readonly longestSubscribeGapMs: number;
  readonly failedRequests: number;
  readonly acknowledged: number;
}

/** Pause between two produced records, ms. */
const PACE_MS = 5;

/** A producer and a subscriber at one broker, with one request at a time. */
export class AvailabilityProbe {
  #isOver = false;
  #failed = 0;
  #acknowledged = 0;
  #produceGapMs = 0;
  #subscribeGapMs = 0;
  readonly #producer: Promise<void>;
  readonly #server: Server;
  readonly #topic: string;
  readonly #socket: WebSocket;

  private constructor(server: Server, topic: string, socket: WebSocket) {
    this.#server = server;
    this.#topic = topic;
    this.#socket = socket;

    this.#producer = this.#produce();
  }

  static async start(server: Server, topic: string): Promise<AvailabilityProbe> {
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/v1/ws`, 'sluice.v1');
    await new Promise((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    const data = { subscription: 's', topic, from: 'latest' };
    socket.send(JSON.stringify({ event: 'subscribe', id: '1', data }));
    await new Promise((resolve) => socket.once('message', resolve));
    const probe = new AvailabilityProbe(server, topic, socket);
    probe.#watch();
    return probe;
  }

  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Ends once both work again. */
  async end(): Promise<Availability> {
    this.#isOver = true;
    await this.#producer;
    this.#socket.terminate();
    return {
      longestProduceGapMs: this.#produceGapMs,
      longestSubscribeGapMs: this.#subscribeGapMs,
      failedRequests: this.#failed,
      acknowledged: this.#acknowledged,
    };
  }

  #watch(): void {
    let lastMs = performance.now();
    this.#socket.on('message', (text: Buffer) => {
      if (!text.toString('utf8', 0, 40).includes('"records"')) return;
      const nowMs = performance.now();
      this.#subscribeGapMs = Math.max(this.#subscribeGapMs, nowMs - lastMs);
      lastMs = nowMs;
    });
  }

  async #produce(): Promise<void> {
    let lastMs = performance.now();
    while (!this.#isOver) {
      const response = await fetch(`${this.#server.url}/v1/topics/${this.#topic}/records`, {
        method: 'POST',
        headers: { 'content-type': 'text/plain' },
        body: `record ${this.#acknowledged}`,
      }).catch(() => undefined);
      await response?.arrayBuffer();
      const nowMs = performance.now();
      if (response?.ok === true) {
        this.#acknowledged += 1;
        this.#produceGapMs = Math.max(this.#produceGapMs, nowMs - lastMs);
        lastMs = nowMs;
      } else {
        this.#failed += 1;
      }
      await new Promise((resolve) => setTimeout(resolve, PACE_MS));
    }
  }
}
