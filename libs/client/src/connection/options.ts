import { optionError } from '../sluice-error.js';
import type { BackoffOptions } from './backoff.js';
import { A_FUNCTION, A_TIME, assertOptions, type Check, oneOf } from './checks.js';

/** Credentials: an API key, or a token that may be fetched again for each use. */
export type Auth =
  | {
      /** Key that the gateway issued. */
      readonly apiKey: string;
    }
  | {
      /** Token, or a function that returns the current one. */
      readonly token: string | (() => string | Promise<string>);
    };

/** Transport of a client; `SluiceOptions.transport` describes the choices. */
export type Transport = 'auto' | 'websocket' | 'http';

/** The part of a WebSocket that this library uses; the browser's own, and that of `ws`. */
export interface WebSocketLike {
  /** State as a number; 1: open. */
  readonly readyState: number;
  /** Bytes that are not sent yet. */
  readonly bufferedAmount: number;
  /** Called when the handshake is done. */
  onopen: ((event: never) => void) | null;
  /** Called with each message. */
  onmessage: ((event: never) => void) | null;
  /** Called when the socket has closed, or could not be opened. */
  onclose: ((event: never) => void) | null;
  /** Called before `onclose` when the socket fails. */
  onerror: ((event: never) => void) | null;
  /** Sends a message of text. */
  send(text: string): void;
  /** Begins to close the socket. */
  close(code?: number, reason?: string): void;
}

/** A class of WebSockets, such as that of the platform. */
export type WebSocketClass = new (url: string, protocols?: string | string[]) => WebSocketLike;

/** Options of `Sluice`. */
export interface SluiceOptions extends BackoffOptions {
  /** Kafka's `bootstrap.servers`: URL of a gateway, or of several brokers of one cluster. */
  readonly url: string | readonly string[];
  /** Credentials; none unless given. */
  readonly auth?: Auth | undefined;
  /**
   * `websocket`: one WebSocket carries everything but `admin`. `http`: requests, long polls and
   * streams. Default `auto`: WebSocket if the platform has one.
   */
  readonly transport?: Transport | undefined;
  /** Kafka's `client.id`: name of this client, for people. */
  readonly clientId?: string | undefined;
  /** Kafka's `request.timeout.ms`: time for one request that does not wait. Default: 30000 ms. */
  readonly requestTimeoutMs?: number | undefined;
  /** Replaces the platform's `fetch`; on Node.js it replaces Node's own HTTP. */
  readonly fetch?: typeof globalThis.fetch | undefined;
  /** Replaces the platform's `WebSocket`, for example by that of the package `ws`. */
  readonly WebSocket?: WebSocketClass | undefined;
}

/** Options, checked and completed. */
export interface ConnectionOptions extends BackoffOptions {
  /** URLs without a slash at the end. */
  readonly urls: readonly string[];
  readonly auth: Auth | undefined;
  readonly clientId: string | undefined;
  readonly requestTimeoutMs: number;
  readonly fetch: typeof globalThis.fetch;
  /** Undefined: everything goes over HTTP. */
  readonly WebSocket: WebSocketClass | undefined;
}

const CHECKS: Readonly<Record<string, Check>> = {
  // Its own check says which URL is wrong.
  url: [() => true, 'a URL'],
  auth: [isAuth, '{ apiKey } or { token }'],
  transport: oneOf('auto', 'websocket', 'http'),
  clientId: [(value) => typeof value === 'string', 'a text'],
  requestTimeoutMs: A_TIME,
  reconnectBackoffMs: A_TIME,
  reconnectBackoffMaxMs: A_TIME,
  fetch: A_FUNCTION,
  WebSocket: A_FUNCTION,
};

/** @throws SluiceError INVALID_CONFIG that names the wrong option */
export function connectionOptions(options: SluiceOptions): ConnectionOptions {
  assertOptions('Sluice', options, CHECKS);
  const { transport = 'auto', requestTimeoutMs = 30_000, auth, clientId } = options;
  const platform = globalThis as { readonly WebSocket?: WebSocketClass };
  const WebSocket = options.WebSocket ?? platform.WebSocket;
  if (transport === 'websocket' && WebSocket === undefined) {
    throw optionError(
      'transport',
      'is "websocket", and this platform has no WebSocket: pass one as the option WebSocket',
    );
  }
  return {
    urls: urlsOf(options.url),
    auth,
    clientId,
    requestTimeoutMs,
    reconnectBackoffMs: options.reconnectBackoffMs,
    reconnectBackoffMaxMs: options.reconnectBackoffMaxMs,
    // A browser's fetch throws unless it is called as a function of its own.
    fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
    WebSocket: transport === 'http' ? undefined : WebSocket,
  };
}

function isAuth(auth: unknown): boolean {
  const { apiKey, token } = (auth ?? {}) as Readonly<Record<string, unknown>>;
  const isKey = typeof apiKey === 'string' && token === undefined;
  return isKey || (['string', 'function'].includes(typeof token) && apiKey === undefined);
}

function urlsOf(url: unknown): string[] {
  const urls = (Array.isArray(url) ? url : [url]) as unknown[];
  if (urls.length === 0) throw optionError('url', 'must have at least one URL');
  return urls.map((one) => {
    try {
      const parsed = new URL(String(one).replace(/^ws/, 'http'));
      if (!/^https?:$/.test(parsed.protocol)) throw new TypeError('not http');
      return (parsed.origin + parsed.pathname).replace(/\/+$/, '');
    } catch (cause) {
      const error = optionError('url', `"${String(one)}" is not an http or https URL`);
      error.cause = cause;
      throw error;
    }
  });
}
