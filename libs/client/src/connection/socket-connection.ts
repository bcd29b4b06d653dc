// oxlint-disable unicorn/prefer-add-event-listener -- a property is detached without its listener
import {
  hasCode,
  isRetriable,
  networkError,
  problemError,
  type SluiceError,
} from '../sluice-error.js';
import { type Deferred, deferred, observed, withSignal } from '../waiting.js';
import type { Backoff } from './backoff.js';
import { TIMER_MS_MAX } from './checks.js';
import type { Endpoints } from './endpoints.js';
import { connectionError } from './failed-connection.js';
import type { WebSocketClass, WebSocketLike } from './options.js';
import { tokenOf } from './token.js';

export type MessageData = Readonly<Record<string, unknown>>;

/** A subscription or a member on the connection. */
export interface Channel {
  /** Begins on a new connection: the first one, and again after each break. */
  opened(): void;
  /** Takes a message of its subscription. */
  received(event: string, data: MessageData): void;
  /**
   * The connection broke: nothing more arrives until `opened`. After an error that does not pass it
   * is not opened again.
   */
  broken(error: unknown): void;
}

interface Message {
  readonly event: string;
  readonly id?: string | number;
  readonly data?: MessageData;
}

interface PendingAnswer {
  readonly answer: Deferred<MessageData>;
  /** Called at once when the answer arrives, before any later message is read. */
  readonly onAnswer: ((data: MessageData) => void) | undefined;
}

const SUBPROTOCOL = 'sluice.v1';
/** Silence after which the connection is probed, ms. */
const PROBE_AFTER_MS = 15_000;
/** Time for the answer to a probe, and for the handshake, ms. */
const PROBE_TIMEOUT_MS = 10_000;
/** Close code of a broker without memory for messages, and the time to leave it alone, ms. */
const NO_MEMORY = 1013;
const NO_MEMORY_WAIT_MS = 1000;
const OPEN = 1;
/** Time before the end of a token at which a newer one is sent, ms; half of a shorter time. */
const RENEWAL_MS = 60_000;
/** A token that ends sooner is not renewed: the function has no newer one yet. */
const RENEWAL_MS_MIN = 1000;

/**
 * One WebSocket that all producers, subscriptions and members of a client share. It connects when
 * it is first used. After a break it connects again at once while a channel is on it, with a
 * growing random delay; without channels it connects at the next request.
 *
 * Overlap: requests overlap. Their answers are told apart by ids.
 */
export class SocketConnection {
  readonly #endpoints: Endpoints;
  readonly #WebSocket: WebSocketClass;
  readonly #channels = new Map<string, Channel>();
  readonly #pending = new Map<number, PendingAnswer>();
  readonly #backoff: Backoff;
  #socket: WebSocketLike | undefined;
  #opening: Promise<WebSocketLike> | undefined;
  /** Shortest wait before the next attempt, ms; undefined before the first attempt. */
  #waitAtLeastMs: number | undefined;
  #lastId = 0;
  #heardMs = 0;
  /** Ends the handshake that is under way. */
  #abandon: () => void = () => undefined;
  #probe: ReturnType<typeof setInterval> | undefined;
  #probedMs = 0;
  #renewal: ReturnType<typeof setTimeout> | undefined;

  constructor(endpoints: Endpoints, WebSocket: WebSocketClass) {
    this.#endpoints = endpoints;
    this.#WebSocket = WebSocket;
    this.#backoff = endpoints.backoff().backoff;
    endpoints.onNetwork(() => this.#sendProbe());
    endpoints.closing.signal.addEventListener('abort', () => this.#close(), { once: true });
  }

  /** Adds a channel under the name of its subscription. It is `opened` once there is a socket. */
  attach(name: string, channel: Channel): void {
    this.#endpoints.assertOpen();
    this.#channels.set(name, channel);
    if (this.#socket === undefined) void observed(this.#open());
    else channel.opened();
  }

  detach(name: string): void {
    this.#channels.delete(name);
  }

  /**
   * Sends a message and returns the data of its answer. It connects if necessary.
   * @param options.onAnswer called with the answer before a later message is read
   * @param options.connectSignal ends the wait for a connection, and not that for the answer
   * @throws SluiceError the problem of the answer, or NETWORK_EXCEPTION
   */
  async request(
    event: string,
    data: MessageData | string,
    options: {
      readonly signal?: AbortSignal | undefined;
      readonly connectSignal?: AbortSignal | undefined;
      readonly onAnswer?: (data: MessageData) => void;
    } = {},
  ): Promise<MessageData> {
    const { signal, connectSignal = signal } = options;
    const socket = this.#socket ?? (await withSignal(this.#open(), connectSignal));
    connectSignal?.throwIfAborted();
    return withSignal(this.#ask(socket, event, data, options), signal);
  }

  /** Sends a message without an answer; drops it while there is no connection. */
  send(event: string, data: MessageData): void {
    if (this.#socket !== undefined) this.#write(this.#socket, event, data);
  }

  #ask(
    socket: WebSocketLike,
    event: string,
    data: MessageData | string,
    options: { readonly onAnswer?: (data: MessageData) => void },
  ): Promise<MessageData> {
    this.#lastId += 1;
    const id = this.#lastId;
    const answer = deferred<MessageData>();
    this.#pending.set(id, { answer, onAnswer: options.onAnswer });
    this.#write(socket, event, data, id);
    return answer.promise;
  }

  /** @param data an object, or its JSON */
  #write(socket: WebSocketLike, event: string, data: MessageData | string, id?: number): void {
    const json = typeof data === 'string' ? data : JSON.stringify(data);
    const answered = id === undefined ? '' : `,"id":${id}`;
    if (socket.readyState === OPEN) socket.send(`{"event":"${event}"${answered},"data":${json}}`);
  }

  /** Returns the open socket. Calls share one attempt, which waits if the last one failed. */
  #open(): Promise<WebSocketLike> {
    this.#opening ??= observed(
      this.#connect().finally(() => {
        this.#opening = undefined;
        // A channel stays on the connection until it is detached.
        if (this.#socket === undefined && this.#channels.size > 0 && !this.#endpoints.isClosed) {
          void observed(this.#open());
        }
      }),
    );
    return this.#opening;
  }

  async #connect(): Promise<WebSocketLike> {
    const { signal } = this.#endpoints.closing;
    this.#endpoints.assertOpen();
    // The wait spreads the clients of a broker that stopped: all of them connect again.
    if (this.#waitAtLeastMs !== undefined) await this.#backoff.wait(signal, this.#waitAtLeastMs);
    this.#waitAtLeastMs = 0;
    const { url } = this.#endpoints;
    let socket: WebSocketLike | undefined;
    try {
      const token = await withSignal(tokenOf(this.#endpoints.options.auth), signal);
      socket = await this.#handshake(url);
      await this.#authenticate(socket, token);
      this.#opened(socket);
      this.#endpoints.succeeded(url);
      return socket;
    } catch (error) {
      clearTimeout(this.#renewal);
      if (socket !== undefined) {
        detachHandlers(socket);
        closeQuietly(socket);
      }
      this.#endpoints.assertOpen();
      this.#endpoints.failed(url, error);
      // Another broker may have a right certificate; a credential is the same at all of them.
      const isAlone = this.#endpoints.options.urls.length === 1;
      if (!isRetriable(error) && (isAlone || !hasCode(error, 'NETWORK_EXCEPTION'))) {
        this.#refuse(error);
      }
      throw error;
    }
  }

  /** Ends the channels: the gateway refuses this client, and would do so again. */
  #refuse(error: unknown): void {
    const channels = [...this.#channels.values()];
    this.#channels.clear();
    for (const channel of channels) channel.broken(error);
  }

  #handshake(url: string): Promise<WebSocketLike> {
    return new Promise((resolve, reject) => {
      let fault: unknown;
      const failed = (detail: string): void => {
        clearTimeout(timer);
        detachHandlers(socket);
        closeQuietly(socket);
        reject(connectionError(detail, fault, 'failed'));
      };
      const socket = new this.#WebSocket(`${url.replace(/^http/, 'ws')}/v1/ws`, SUBPROTOCOL);
      const timer = setTimeout(
        () => failed(`${url} did not open a WebSocket within ${PROBE_TIMEOUT_MS} ms`),
        PROBE_TIMEOUT_MS,
      );
      this.#abandon = () => failed('the client is closed');
      socket.onopen = () => {
        clearTimeout(timer);
        resolve(socket);
      };
      // Only the package `ws` tells why: a wrong certificate, for example.
      socket.onerror = (event: { readonly error?: unknown }) => {
        fault = event.error;
      };
      socket.onclose = () => failed(`${url} refused the WebSocket or cannot be reached`);
      socket.onmessage = (event: { readonly data: unknown }) => this.#received(event.data);
    });
  }

  /** Sends the token as the first message: browsers cannot set headers of a handshake. */
  async #authenticate(socket: WebSocketLike, token: string | undefined): Promise<void> {
    this.#endpoints.assertOpen();
    const broken = deferred<MessageData>();
    this.#abandon = () => broken.reject(this.#endpoints.closing.signal.reason);
    socket.onclose = (event: { readonly code?: number }) => {
      const error = networkError(`the WebSocket was closed (${event.code ?? 1006})`, 'unknown');
      broken.reject(error);
      this.#waitAtLeastMs = event.code === NO_MEMORY ? NO_MEMORY_WAIT_MS : 0;
      this.#broken(socket, error);
    };
    if (token === undefined) return;
    const timer = setTimeout(() => {
      broken.reject(networkError('the gateway does not answer `authenticate`', 'failed'));
    }, PROBE_TIMEOUT_MS);
    try {
      const asked = this.#ask(socket, 'authenticate', { token }, {});
      const { expiresAt } = await Promise.race([asked, broken.promise]);
      this.#renewBefore(expiresAt, socket);
    } catch (error) {
      // A gateway without access control does not know the message.
      if (!hasCode(error, 'INVALID_REQUEST')) throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Sends a newer token before the present one expires: otherwise the gateway closes the
   * connection, and its members lose their partitions.
   * @param expiresAt ms since the epoch; null: never
   */
  #renewBefore(expiresAt: unknown, socket: WebSocketLike): void {
    const { auth } = this.#endpoints.options;
    const mayDiffer = auth !== undefined && 'token' in auth && typeof auth.token === 'function';
    const leftMs = Number(expiresAt) - Date.now();
    if (!mayDiffer || expiresAt === null || !(leftMs > RENEWAL_MS_MIN)) return;
    const waitMs = Math.min(Math.max(leftMs - RENEWAL_MS, leftMs / 2), TIMER_MS_MAX);
    this.#renewal = setTimeout(() => void observed(this.#renew(socket)), waitMs);
  }

  async #renew(socket: WebSocketLike): Promise<void> {
    const token = await tokenOf(this.#endpoints.options.auth);
    if (this.#socket !== socket) return;
    const { expiresAt } = await this.#ask(socket, 'authenticate', { token }, {});
    if (this.#socket === socket) this.#renewBefore(expiresAt, socket);
  }

  #opened(socket: WebSocketLike): void {
    this.#endpoints.assertOpen();
    this.#socket = socket;
    this.#abandon = () => undefined;
    this.#backoff.reset();
    this.#waitAtLeastMs = 0;
    this.#heardMs = Date.now();
    this.#probedMs = 0;
    clearInterval(this.#probe);
    this.#probe = setInterval(() => this.#checkSilence(), PROBE_TIMEOUT_MS);
    for (const channel of this.#channels.values()) channel.opened();
  }

  #received(text: unknown): void {
    this.#heardMs = Date.now();
    const { event, id, data = {} } = JSON.parse(String(text)) as Message;
    const pending = typeof id === 'number' ? this.#pending.get(id) : undefined;
    if (pending !== undefined) {
      this.#pending.delete(id as number);
      if (event === 'error') {
        pending.answer.reject(problemError(data));
        return;
      }
      pending.onAnswer?.(data);
      pending.answer.resolve(data);
      return;
    }
    this.#channels.get(String(data['subscription']))?.received(event, data);
  }

  /** Drops a connection that does not answer: a half-open one reports nothing by itself. */
  #checkSilence(): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    const silentMs = Date.now() - this.#heardMs;
    if (this.#probedMs > this.#heardMs && Date.now() - this.#probedMs >= PROBE_TIMEOUT_MS / 2) {
      this.#broken(socket, networkError('the gateway does not answer a ping', 'unknown'));
      closeQuietly(socket);
    } else if (silentMs >= PROBE_AFTER_MS) {
      this.#sendProbe();
    }
  }

  #sendProbe(): void {
    if (this.#socket === undefined) return;
    this.#probedMs = Date.now() + 1;
    this.#write(this.#socket, 'ping', {}, 0);
  }

  #broken(socket: WebSocketLike, error: SluiceError): void {
    detachHandlers(socket);
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    clearInterval(this.#probe);
    clearTimeout(this.#renewal);
    const reason = this.#endpoints.isClosed ? this.#endpoints.closing.signal.reason : error;
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { answer } of pending) answer.reject(reason);
    for (const channel of this.#channels.values()) channel.broken(reason);
    if (this.#endpoints.isClosed) return;
    this.#endpoints.failed(this.#endpoints.url, error);
    if (this.#channels.size > 0) void observed(this.#open());
  }

  #close(): void {
    const socket = this.#socket;
    this.#abandon();
    if (socket === undefined) return;
    this.#broken(socket, networkError('the client is closed', 'unknown'));
    closeQuietly(socket);
    this.#channels.clear();
  }
}

function detachHandlers(socket: WebSocketLike): void {
  socket.onopen = null;
  socket.onmessage = null;
  socket.onclose = null;
  // The package `ws` emits errors after a close; without a handler they would end the process.
  socket.onerror = () => undefined;
}

function closeQuietly(socket: WebSocketLike): void {
  try {
    socket.close(1000);
  } catch {
    // A socket that never opened has nothing to close.
  }
}
