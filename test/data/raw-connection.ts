import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** An answer as it came over the wire. */
export interface RawAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body as UTF-8, with the chunks of a chunked answer joined. */
  readonly body: string;
  /** The same bytes, one character per byte. */
  readonly latin1Body: string;
}

/**
 * A TCP connection on which a test says exactly what it wants, byte for byte, and when: for what an
 * HTTP client would not do. Waiting is for something to arrive, never for time to pass.
 */
export class RawConnection {
  readonly #socket: Socket;
  #received = '';
  #isEnded = false;
  #wake: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text) => {
      this.#received += String(text);
      this.#wake?.();
    });
    socket.on('error', () => undefined);
    for (const event of ['end', 'close']) {
      socket.on(event, () => {
        this.#isEnded = true;
        this.#wake?.();
      });
    }
  }

  static async open(url: string): Promise<RawConnection> {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    await once(socket, 'connect');
    socket.setNoDelay(true);
    return new RawConnection(socket);
  }

  /** Everything that came and was not read. */
  get received(): string {
    return this.#received;
  }

  /** True when the other side sends no more. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Sends bytes as they are; a string as latin1. Resolves when the system has taken them. */
  send(data: string | Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      this.#socket.write(typeof data === 'string' ? Buffer.from(data, 'latin1') : data, () => {
        resolve();
      });
    });
  }

  /** Sends a whole request, with `Host` and `Content-Length` where there is a body. */
  request(line: string, headers: Readonly<Record<string, string>> = {}, body = ''): Promise<void> {
    const length = body === '' ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
    return this.send(
      requestHead(line, { ...length, ...headers }) + Buffer.from(body).toString('latin1'),
    );
  }

  /** Sends no more, and goes on reading. */
  endSending(): void {
    this.#socket.end();
  }

  /** Reads no more for now, so that the other side cannot go on sending. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Goes away, at once and without a word. */
  abort(): void {
    this.#socket.destroy();
  }

  /** Resolves when the text has arrived; what stands before and in it is read. */
  async until(text: string): Promise<string> {
    for (;;) {
      const at = this.#received.indexOf(text);
      if (at >= 0) return this.#read(at + text.length);
      if (this.#isEnded) throw new Error(`the connection ended before ${JSON.stringify(text)}`);
      await this.#more();
    }
  }

  /** The next answer, whole. */
  async answer(): Promise<RawAnswer> {
    const head = await this.until('\r\n\r\n');
    const [statusLine = '', ...lines] = head.trimEnd().split('\r\n');
    const headers = Object.fromEntries(
      lines.map((line) => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
      }),
    );
    const status = Number(statusLine.split(' ')[1]);
    const bytes =
      headers['transfer-encoding'] === 'chunked'
        ? await this.#chunks()
        : await this.#exactly(Number(headers['content-length'] ?? 0));
    return { status, headers, body: Buffer.from(bytes, 'latin1').toString(), latin1Body: bytes };
  }

  /**
   * The next line of a chunked NDJSON answer, parsed; chunk sizes between lines are passed over.
   */
  async line(): Promise<Record<string, unknown>> {
    for (;;) {
      const line = await this.until('\n');
      if (line.startsWith('{')) return JSON.parse(line) as Record<string, unknown>;
    }
  }

  /** Resolves when the other side has closed. */
  async closed(): Promise<void> {
    while (!this.#isEnded) await this.#more();
  }

  async #chunks(): Promise<string> {
    let body = '';
    for (;;) {
      const size = Number.parseInt(await this.until('\r\n'), 16);
      body += await this.#exactly(size);
      await this.#exactly(2);
      if (size === 0) return body;
    }
  }

  async #exactly(length: number): Promise<string> {
    while (this.#received.length < length) {
      if (this.#isEnded) throw new Error('the connection ended within an answer');
      await this.#more();
    }
    return this.#read(length);
  }

  #read(length: number): string {
    const read = this.#received.slice(0, length);
    this.#received = this.#received.slice(length);
    return read;
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

/** The head of a request, `Host` first. */
export function requestHead(line: string, headers: Readonly<Record<string, string>> = {}): string {
  const lines = Object.entries({ Host: '127.0.0.1', ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  return `${line} HTTP/1.1\r\n${lines.join('')}\r\n`;
}
