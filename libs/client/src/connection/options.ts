import { optionError } from '../sluice-error.js';
import type { BackoffOptions } from './backoff.js';

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
  /** Replaces the platform's `fetch`. */
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

const NAMES = [
  'url',
  'auth',
  'transport',
  'clientId',
  'requestTimeoutMs',
  'reconnectBackoffMs',
  'reconnectBackoffMaxMs',
  'fetch',
  'WebSocket',
];

/** @throws SluiceError INVALID_CONFIG that names the wrong option */
export function connectionOptions(options: SluiceOptions): ConnectionOptions {
  assertKnown(options, NAMES, 'Sluice');
  const { transport = 'auto', requestTimeoutMs = 30_000, auth, clientId } = options;
  if (!['auto', 'websocket', 'http'].includes(transport)) {
    throw optionError('transport', 'must be "auto", "websocket" or "http"');
  }
  assertPositive('requestTimeoutMs', requestTimeoutMs);
  assertPositive('reconnectBackoffMs', options.reconnectBackoffMs);
  assertPositive('reconnectBackoffMaxMs', options.reconnectBackoffMaxMs);
  assertAuth(auth);
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

/** @throws SluiceError INVALID_CONFIG for an option that does not exist */
export function assertKnown(options: object, names: readonly string[], what: string): void {
  assertObject(options, what);
  const unknown = Object.keys(options).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw optionError(unknown, `is no option of ${what}; it has ${names.join(', ')}`);
  }
}

/** @throws SluiceError INVALID_CONFIG unless it is an object */
export function assertObject(options: unknown, what: string): void {
  if (typeof options !== 'object' || options === null) {
    throw optionError(what, 'needs an object of options');
  }
}

/** @throws SluiceError INVALID_CONFIG unless it is absent or an AbortSignal */
export function assertSignal(signal: unknown): void {
  const given = signal as Partial<AbortSignal> | null | undefined;
  if (given !== undefined && typeof given?.throwIfAborted !== 'function') {
    throw optionError('signal', 'must be an AbortSignal');
  }
}

/** @throws SluiceError INVALID_CONFIG unless it is absent or a number above 0 */
function assertPositive(name: string, value: unknown): void {
  if (value !== undefined && !(typeof value === 'number' && value > 0)) {
    throw optionError(name, 'must be a number above 0');
  }
}

/** @throws SluiceError INVALID_CONFIG unless it is absent or a whole number of at least `least` */
export function assertWhole(name: string, value: unknown, least = 1): void {
  if (value !== undefined && !(Number.isSafeInteger(value) && Number(value) >= least)) {
    throw optionError(name, `must be a whole number of at least ${least}`);
  }
}

/** @throws SluiceError INVALID_CONFIG unless it is a text that is not empty */
export function assertText(name: string, value: unknown): asserts value is string {
  if (typeof value !== 'string' || value === '') throw optionError(name, 'must be a text');
}

/** @throws SluiceError INVALID_CONFIG unless it is absent or one of the accepted values */
export function assertOneOf(name: string, value: unknown, accepted: readonly string[]): void {
  if (value === undefined || accepted.includes(value as string)) return;
  throw optionError(name, `must be one of ${accepted.map((one) => `"${one}"`).join(', ')}`);
}

/** @throws SluiceError INVALID_CONFIG unless each is absent or an object with `deserialize` */
export function assertDeserializers(options: {
  readonly keyDeserializer?: unknown;
  readonly valueDeserializer?: unknown;
}): void {
  for (const name of ['keyDeserializer', 'valueDeserializer'] as const) {
    const given = options[name] as { readonly deserialize?: unknown } | null | undefined;
    if (given !== undefined && typeof given?.deserialize !== 'function') {
      throw optionError(name, 'must be an object with the function deserialize');
    }
  }
}

function assertAuth(auth: Auth | undefined): void {
  if (auth === undefined) return;
  const { apiKey, token } = auth as { readonly apiKey?: unknown; readonly token?: unknown };
  const isKey = typeof apiKey === 'string' && token === undefined;
  const isToken = ['string', 'function'].includes(typeof token) && apiKey === undefined;
  if (!isKey && !isToken) throw optionError('auth', 'must be { apiKey } or { token }');
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
      const error = optionError('url', `"${String(one)}" is no http or https URL`);
      error.cause = cause;
      throw error;
    }
  });
}
