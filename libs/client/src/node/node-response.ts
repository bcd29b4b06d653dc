import type { IncomingMessage } from 'node:http';

/** Statuses whose responses have no body. */
const WITHOUT_BODY = [204, 205, 304];

type WholeResponse = globalThis.Response;
type Body = WholeResponse['body'];

/**
 * An answer of Node's own HTTP as a `Response`. Texts, bytes and `for await` read it without the
 * streams of the web platform, which take most of the processor time of the global `fetch`.
 *
 * Overlap: one call may read the body; all others fail.
 */
export class NodeResponse implements WholeResponse {
  readonly ok: boolean;
  readonly status: number;
  readonly statusText: string;
  readonly type = 'basic';
  readonly redirected = false;
  readonly url: string;
  readonly #message: IncomingMessage;
  readonly #hasBody: boolean;
  #headers: Headers | undefined;
  #body: NonNullable<Body> | undefined;
  #isRead = false;

  constructor(message: IncomingMessage, url: string, method: string) {
    const { statusCode = 0, statusMessage = '' } = message;
    this.#message = message;
    this.url = url;
    this.status = statusCode;
    this.statusText = statusMessage;
    this.ok = statusCode >= 200 && statusCode < 300;
    this.#hasBody = method !== 'HEAD' && !WITHOUT_BODY.includes(statusCode);
    // Its connection is free for the next request.
    if (!this.#hasBody) message.resume();
  }

  get headers(): Headers {
    this.#headers ??= headersOf(this.#message.rawHeaders);
    return this.#headers;
  }

  get body(): Body {
    if (!this.#hasBody) return null;
    this.#body ??= streamOf(this.#message);
    return this.#body;
  }

  get bodyUsed(): boolean {
    return this.#isRead;
  }

  async text(): Promise<string> {
    return (await this.#bytes()).toString('utf8');
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return new Uint8Array(await this.#bytes());
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return new Uint8Array(await this.#bytes()).buffer;
  }

  async blob(): ReturnType<WholeResponse['blob']> {
    return this.#whole(await this.bytes()).blob();
  }

  async formData(): ReturnType<WholeResponse['formData']> {
    return this.#whole(await this.bytes()).formData();
  }

  clone(): WholeResponse {
    const { body } = this;
    if (body === null) return this.#whole(null);
    const [own, other] = body.tee();
    this.#body = own;
    return this.#whole(other);
  }

  /** The same response of the platform's own class. */
  #whole(body: ConstructorParameters<typeof Response>[0]): WholeResponse {
    const { status, statusText, headers } = this;
    return new Response(body, { status, statusText, headers });
  }

  async #bytes(): Promise<Buffer> {
    if (this.#isRead) throw new TypeError('the body of the response was read before');
    this.#isRead = true;
    if (!this.#hasBody) return Buffer.alloc(0);
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.#body ?? this.#message) chunks.push(chunk as Uint8Array);
    return Buffer.concat(chunks);
  }
}

function headersOf(raw: readonly string[]): Headers {
  const headers = new Headers();
  for (let at = 0; at + 1 < raw.length; at += 2) headers.append(raw[at] ?? '', raw[at + 1] ?? '');
  return headers;
}

/** Returns the body of an answer. `for await` passes by the stream, which saves processor time. */
function streamOf(message: IncomingMessage): NonNullable<Body> {
  let chunks: AsyncIterator<Buffer> | undefined;
  const iterate = (): AsyncIterator<Buffer> => {
    chunks ??= message[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    return chunks;
  };
  const stream: NonNullable<Body> = new ReadableStream({
    type: 'bytes',
    pull: async (controller) => {
      const { done, value } = await iterate().next();
      if (done === true) {
        controller.close();
        controller.byobRequest?.respond(0);
        // The stream takes the memory of what it is given; other answers may be in that of a chunk.
      } else controller.enqueue(new Uint8Array(value));
    },
    cancel: () => {
      message.destroy();
    },
  });
  const values = stream.values.bind(stream);
  const read = (options?: { preventCancel?: boolean }): ReturnType<typeof values> =>
    stream.locked || options?.preventCancel === true
      ? values(options)
      : (iterate() as ReturnType<typeof values>);
  return Object.assign(stream, { values: read, [Symbol.asyncIterator]: read });
}
