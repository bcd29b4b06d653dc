// The connection to the gateway.

import { credential } from './credential.js';
import { ProblemError } from './gateway-http.js';
import { storeTexts } from './json-text.js';

const SUBPROTOCOL = 'sluice.v1';
const RETRY_MS_MIN = 250;
const RETRY_MS_MAX = 5000;
/** Silence after a ping at which a connection counts as dead. */
const PING_MS = 10_000;

/** The answer to a request did not arrive, so the outcome of the request is unknown. */
export class ConnectionLostError extends Error {
  constructor() {
    super('The connection broke before the answer arrived.');
  }
}

/**
 * A WebSocket that reconnects: `connecting`, then `open` or `waiting` for the next attempt.
 * Requests end with their connection; a caller repeats a request when `onOpen` is called.
 */
export class GatewaySocket {
  #handlers;
  #socket;
  /** Stops listening to the current connection. */
  #deafen;
  #answers = new Map();
  #lastId = 0;
  #failedAttempts = 0;
  #timer;
  #pings;
  #isSilent = false;

  /**
   * @param handlers onState({name, failedAttempts, retryMs}), onOpen() once requests are answered,
   *   onRefused() if the credential is not accepted, until there is another one,
   *   onEvent({event, data}) for what the gateway sends on its own
   */
  constructor(handlers) {
    this.#handlers = handlers;
  }

  get isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Connects now, unless it is connected or connecting. */
  connect() {
    if (this.#socket !== undefined) return;
    clearTimeout(this.#timer);
    this.#state('connecting');
    const socket = new WebSocket(socketUrl(), SUBPROTOCOL);
    this.#socket = socket;
    this.#deafen = new AbortController();
    const listening = { signal: this.#deafen.signal };
    socket.addEventListener('open', () => this.#opened(), listening);
    socket.addEventListener('message', ({ data }) => this.#received(data), listening);
    socket.addEventListener('close', () => this.#lost(), listening);
  }

  /**
   * @param dataText the event's data as JSON text
   * @returns {Promise<any>} the answer's data
   * @throws ProblemError, ConnectionLostError
   */
  request(event, dataText) {
    if (!this.isOpen) return Promise.reject(new Error('The page is not connected to the gateway.'));
    this.#lastId += 1;
    const id = String(this.#lastId);
    return new Promise((resolve, reject) => {
      this.#answers.set(id, { resolve, reject });
      this.#socket.send(`{"event":"${event}","id":"${id}","data":${dataText}}`);
    });
  }

  /** Sends an event without an answer; does nothing without a connection. */
  send(event, data) {
    if (this.isOpen) this.#socket.send(JSON.stringify({ event, data }));
  }

  #opened() {
    this.#failedAttempts = 0;
    this.#isSilent = false;
    this.#pings = setInterval(() => this.#ping(), PING_MS);
    const token = credential();
    if (token === undefined) this.#ready();
    else void this.#authenticate(token);
  }

  /** A browser cannot set headers on a WebSocket: the first message has the credential. */
  async #authenticate(token) {
    const socket = this.#socket;
    try {
      await this.request('authenticate', JSON.stringify({ token }));
      this.#ready();
    } catch (error) {
      // A lost connection is opened again, and then begins with the newest credential.
      if (!(error instanceof ProblemError)) return;
      await this.#handlers.onRefused();
      if (this.#socket === socket && this.isOpen) await this.#authenticate(credential());
    }
  }

  #ready() {
    this.#state('open');
    this.#handlers.onOpen();
  }

  #received(frame) {
    const { event, id, data } = JSON.parse(frame);
    this.#isSilent = false;
    if (event === 'records') storeTexts(data.records, frame);
    const answer = this.#answers.get(id);
    if (answer === undefined) {
      this.#handlers.onEvent({ event, data });
      return;
    }
    this.#answers.delete(id);
    if (event === 'error') answer.reject(new ProblemError(data));
    else answer.resolve(data);
  }

  #ping() {
    if (this.#isSilent) this.#lost();
    else this.send('ping');
    this.#isSilent = true;
  }

  #lost() {
    // An abandoned connection may still emit events.
    this.#deafen.abort();
    this.#socket.close();
    this.#socket = undefined;
    clearInterval(this.#pings);
    const unanswered = [...this.#answers.values()];
    this.#answers.clear();
    for (const { reject } of unanswered) reject(new ConnectionLostError());
    const ceilingMs = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** this.#failedAttempts);
    // The delay is random, so that clients of the same gateway do not reconnect at the same moment.
    const retryMs = ceilingMs * (0.5 + Math.random() / 2);
    this.#failedAttempts += 1;
    this.#timer = setTimeout(() => this.connect(), retryMs);
    this.#state('waiting', retryMs);
  }

  #state(name, retryMs = 0) {
    this.#handlers.onState({ name, failedAttempts: this.#failedAttempts, retryMs });
  }
}

/**
 * The URL is relative to this page's own address, so that it works behind a proxy that adds a path.
 */
export function socketUrl() {
  const url = new URL('v1/ws', document.baseURI);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  url.search = '';
  url.hash = '';
  return url.href;
}
