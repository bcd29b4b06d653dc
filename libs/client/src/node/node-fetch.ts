/** The `fetch` of clients on Node.js, over Node's own HTTP. */
import {
  type ClientRequest,
  Agent as HttpAgent,
  type IncomingMessage,
  request as requestPlain,
} from 'node:http';
import { Agent as HttpsAgent, request as requestSecure } from 'node:https';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { NodeResponse } from './node-response.js';

/** A private authority and a client certificate, as PEM. */
export interface TlsFiles {
  /** Certificates of the authorities that the gateway's certificate may come from. */
  readonly ca?: string | Uint8Array | undefined;
  /** Certificate of the client. */
  readonly cert?: string | Uint8Array | undefined;
  /** Private key of the client's certificate. */
  readonly key?: string | Uint8Array | undefined;
}

type Fetch = typeof globalThis.fetch;
type FetchInit = NonNullable<Parameters<Fetch>[1]>;
type Destroyable = Pick<IncomingMessage, 'destroy'> | Pick<ClientRequest, 'destroy'>;

/** Bytes of an answer that wait for their reader, of one connection. */
const READ_AHEAD_BYTES = 256 * 1024;
/** Time after which an idle connection is closed, ms: servers close theirs after 5 s or more. */
const IDLE_MS_MAX = 4000;
/** Time for a connection to be made, ms; that of the global `fetch`. */
const CONNECT_MS_MAX = 10_000;

/**
 * Returns a `fetch` for the option of this name that uses Node's own HTTP, as clients on Node.js do
 * without it. It takes the certificates of a private authority, and one of the client. It keeps
 * connections open, follows no redirects, and asks for no compressed answers.
 * @param tls certificates for `https` URLs; default: those of Node.js
 */
export function nodeFetch(tls: TlsFiles = {}): Fetch {
  const kept = { keepAlive: true, timeout: IDLE_MS_MAX };
  const plain = new HttpAgent(kept);
  const secure = new HttpsAgent({ ...kept, ...(tls as object) });
  const open = (url: string, options: object): ClientRequest =>
    url.startsWith('https:')
      ? requestSecure(url, { ...options, agent: secure })
      : requestPlain(url, { ...options, agent: plain });
  return async (input, init = {}) => {
    const url = typeof input === 'object' && 'url' in input ? input.url : input.toString();
    const { stream, bytes, type } = bodyOf(init);
    const headers = headersOf(init);
    const isTyped = Object.keys(headers).some((name) => name.toLowerCase() === 'content-type');
    if (type !== null && !isTyped) headers['Content-Type'] = type;
    if (stream !== undefined) headers['Transfer-Encoding'] = 'chunked';
    if (bytes !== undefined) headers['Content-Length'] = String(Buffer.byteLength(bytes));
    init.signal?.throwIfAborted();
    const method = init.method ?? 'GET';
    const request = open(url, { method, headers, highWaterMark: READ_AHEAD_BYTES });
    const response = answered(request, init.signal ?? undefined, url);
    if (stream === undefined) request.end(bytes);
    else sendStream(stream, request);
    return response;
  };
}

/** Resolves with the response of a request. @throws TypeError as the global `fetch` does */
function answered(
  request: ClientRequest,
  signal: AbortSignal | undefined,
  url: string,
): Promise<NodeResponse> {
  return new Promise((resolve, reject) => {
    // The connection of an answer that has ended is no longer the request's: Node's own option
    // `signal` would end it all the same, with an error that nobody takes.
    let ended: Destroyable = request;
    const onAbort = (): void => {
      ended.destroy(signal?.reason as Error);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    request.once('close', () => signal?.removeEventListener('abort', onAbort));
    request.once('socket', (socket) => endIfNotConnected(request, socket));
    request.once('response', (message) => {
      ended = message;
      resolve(new NodeResponse(message, url, request.method));
    });
    // After the answer has begun, its reader is told.
    request.on('error', (cause) => {
      if (signal?.aborted) reject(signal.reason);
      else reject(new TypeError('fetch failed', { cause }));
    });
  });
}

/** Sends a body as it comes. One that fails ends the request with its error. */
function sendStream(stream: Readable, request: ClientRequest): void {
  stream.once('error', (error) => request.destroy(error));
  request.once('close', () => stream.destroy());
  stream.pipe(request);
}

function endIfNotConnected(request: ClientRequest, socket: Socket): void {
  if (!socket.connecting) return;
  const timer = setTimeout(() => {
    const error = new Error(`not connected within ${CONNECT_MS_MAX} ms`);
    request.destroy(Object.assign(error, { code: 'ERR_CONNECT_TIMEOUT' }));
  }, CONNECT_MS_MAX);
  const stop = (): void => clearTimeout(timer);
  socket.once('encrypted' in socket ? 'secureConnect' : 'connect', stop).once('close', stop);
}

function headersOf({ headers = {} }: FetchInit): Record<string, string> {
  const isList = Symbol.iterator in headers;
  return isList ? Object.fromEntries(headers) : { ...(headers as Record<string, string>) };
}

/** A body whose length is known, or a stream, and the type that `fetch` gives it. */
function bodyOf({ body }: FetchInit): {
  readonly bytes?: string | Uint8Array;
  readonly stream?: Readable;
  readonly type: string | null;
} {
  if (body === undefined || body === null) return { type: null };
  if (typeof body === 'string') return { bytes: body, type: 'text/plain;charset=UTF-8' };
  if (body instanceof ArrayBuffer) return { bytes: new Uint8Array(body), type: null };
  if (ArrayBuffer.isView(body)) {
    const { buffer, byteOffset, byteLength } = body;
    return { bytes: new Uint8Array(buffer, byteOffset, byteLength), type: null };
  }
  // The platform reads all other kinds of bodies.
  const { body: stream, headers } = new Response(body);
  const type = headers.get('Content-Type');
  return { stream: Readable.fromWeb(stream as ReadableStream), type };
}
