import { hasCode, isRetriable, problemError } from '../sluice-error.js';
import { observed } from '../waiting.js';
import type { Backoff } from './backoff.js';
import type { Endpoints } from './endpoints.js';
import type { Channel, MessageData, SocketConnection } from './socket-connection.js';

/** The user of a subscription. */
export interface SubscriptionPort {
  /** Returns the data of the next `subscribe`, without the name. */
  request(): MessageData;
  subscribed(data: MessageData): void;
  received(event: string, data: MessageData): void;
  /** The subscription is over; it begins again by itself. */
  broken(error: unknown): void;
  /** The subscription has ended and will not be resumed. */
  failed(error: unknown): void;
}

export interface SubscriptionTransport {
  readonly connection: SocketConnection;
  readonly endpoints: Endpoints;
  /** Name of the subscription on the connection. */
  readonly name: string;
}

/** Time for the gateway to answer `unsubscribe`, ms. */
const CLOSE_TIMEOUT_MS = 2000;

/**
 * A subscription on the WebSocket: it subscribes on each new connection, and again after failures
 * that may pass.
 *
 * Overlap: messages come one after the other; requests and `close` overlap with them.
 */
export class SocketSubscription implements Channel {
  readonly #transport: SubscriptionTransport;
  readonly #port: SubscriptionPort;
  readonly #backoff: Backoff;
  readonly #closing = new AbortController();
  #isOpen = false;
  /** True from a `subscribe` on until it is refused, or the connection breaks. */
  #isAsked = false;
  /** Number of the attempt: an answer of an earlier one has no effect. */
  #round = 0;

  constructor(transport: SubscriptionTransport, port: SubscriptionPort) {
    this.#transport = transport;
    this.#port = port;
    this.#backoff = transport.endpoints.backoff().backoff;
    // The port is complete only when the constructor that creates this subscription has ended.
    queueMicrotask(() => {
      if (!this.#closing.signal.aborted) transport.connection.attach(transport.name, this);
    });
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  opened(): void {
    void this.#subscribe(this.#nextRound());
  }

  received(event: string, data: MessageData): void {
    if (event !== 'error') {
      this.#port.received(event, data);
      return;
    }
    const error = problemError(data);
    const isOver = error.retriable || hasCode(error, 'UNKNOWN_MEMBER_ID');
    if (isOver) void observed(this.#again(error));
    else this.#port.failed(error);
  }

  broken(error: unknown): void {
    this.#nextRound();
    this.#isAsked = false;
    if (isRetriable(error)) this.#port.broken(error);
    else this.#port.failed(error);
  }

  /** Sends a message about the subscription that has no answer. */
  send(event: string, data: MessageData): void {
    if (this.#isOpen) this.#transport.connection.send(event, this.#named(data));
  }

  /** Sends a message about the subscription; resolves with the data of its answer. */
  ask(
    event: string,
    data: MessageData,
    options: { readonly signal?: AbortSignal; readonly onAnswer?: () => void } = {},
  ): Promise<MessageData> {
    return this.#transport.connection.request(event, this.#named(data), options);
  }

  /** Never rejects. */
  async close(): Promise<void> {
    this.#nextRound();
    this.#closing.abort();
    this.#transport.connection.detach(this.#transport.name);
    // The gateway may have subscribed it already, though the answer has not arrived.
    if (this.#isAsked) await this.#unsubscribe();
  }

  #nextRound(): number {
    this.#isOpen = false;
    this.#round += 1;
    return this.#round;
  }

  async #subscribe(round: number): Promise<void> {
    while (round === this.#round) {
      try {
        const data = this.#named(this.#port.request());
        this.#isAsked = true;
        await this.#transport.connection.request('subscribe', data, {
          onAnswer: (answer) => {
            if (round !== this.#round) return;
            this.#isOpen = true;
            this.#backoff.reset();
            this.#port.subscribed(answer);
          },
        });
        return;
      } catch (error) {
        if (round !== this.#round) return;
        this.#isAsked = false;
        // The broker may not have noticed yet that the last connection broke.
        if (!isRetriable(error) && !hasCode(error, 'UNRELEASED_INSTANCE_ID')) {
          this.#port.failed(error);
          return;
        }
        await this.#backoff.wait(this.#closing.signal).catch(() => undefined);
      }
    }
  }

  async #again(error: unknown): Promise<void> {
    const round = this.#nextRound();
    this.#port.broken(error);
    await this.#backoff.wait(this.#closing.signal);
    await this.#unsubscribe();
    await this.#subscribe(round);
  }

  async #unsubscribe(): Promise<void> {
    const signal = AbortSignal.timeout(CLOSE_TIMEOUT_MS);
    await this.ask('unsubscribe', {}, { signal }).catch(() => undefined);
  }

  #named(data: MessageData): MessageData {
    return { subscription: this.#transport.name, ...data };
  }
}
