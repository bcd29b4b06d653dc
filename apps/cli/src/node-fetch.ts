import { type ClientRequest, type IncomingMessage, request as requestPlain } from 'node:http';
import { Agent, request as requestSecure } from 'node:https';

/** Files of a private authority and of a client certificate, as PEM. */
export interface TlsFiles {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

type Destroyable = Pick<IncomingMessage, 'destroy'> | Pick<ClientRequest, 'destroy'>;

/** Bytes of an answer that wait for their reader, of one connection. */
const READ_AHEAD_BYTES = 256 * 1024;

/**
 * Returns a `fetch` for the requests of the client library that uses Node's own HTTP: it takes
 * certificates, and reads an answer in half the processor time of the global one. It follows no
 * redirects, and its answers have the parts of a `Response` that are used here.
 */
export function nodeFetch(tls: TlsFiles | undefined): typeof globalThis.fetch {
  const agent = tls && new Agent({ keepAlive: true, ...tls });
  const call = (
    url: string,
    { method, headers, body, signal }: RequestInit = {},
  ): Promise<Answer> =>
    new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const options = {
        method,
        headers: headers as Record<string, string>,
        highWaterMark: READ_AHEAD_BYTES,
      };
      const request = url.startsWith('https:')
        ? requestSecure(url, { ...options, agent })
        : requestPlain(url, options);
      // The connection of an answer that has ended is no longer the request's: Node's own option
      // `signal` would end it all the same, with an error that nobody takes.
      let ended: Destroyable = request;
      const onAbort = (): void => {
        ended.destroy(signal?.reason as Error);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      request.once('close', () => signal?.removeEventListener('abort', onAbort));
      request.once('response', (message) => {
        ended = message;
        resolve(new Answer(message));
      });
      // After the answer has begun, its reader is told.
      request.on('error', (cause) => reject(new TypeError('fetch failed', { cause })));
      request.end(body);
    });
  return call as unknown as typeof globalThis.fetch;
}

/** The parts of a `Response` that the client library and the commands use. */
class Answer implements Pick<Response, 'ok' | 'status' | 'text' | 'arrayBuffer'> {
  readonly ok: boolean;
  readonly status: number;
  readonly headers: Pick<Headers, 'get'>;
  readonly body: AsyncIterable<Uint8Array> & Pick<ReadableStream, 'cancel'>;
  readonly #message: IncomingMessage;

  constructor(message: IncomingMessage) {
    const { statusCode = 0, headers } = message;
    this.#message = message;
    this.status = statusCode;
    this.ok = statusCode >= 200 && statusCode < 300;
    this.headers = { get: (name) => headers[name.toLowerCase()]?.toString() ?? null };
    this.body = {
      [Symbol.asyncIterator]: () => message[Symbol.asyncIterator](),
      cancel: async () => {
        message.destroy();
      },
    };
  }

  async text(): Promise<string> {
    return (await this.#bytes()).toString('utf8');
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return new Uint8Array(await this.#bytes()).buffer;
  }

  async #bytes(): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const chunk of this.#message) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  }
}
