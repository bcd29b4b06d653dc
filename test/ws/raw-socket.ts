import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const OPCODE_TEXT = 1;
const OPCODE_CLOSE = 8;

/** The parts of a gateway's answer that tests use. */
export interface RawAnswer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** Builds the request for a WebSocket, with other or additional headers. */
export function upgradeRequest(
  changes: Readonly<Record<string, string | undefined>> = {},
  line = 'GET /v1/ws HTTP/1.1',
): string {
  const headers: Record<string, string | undefined> = {
    Host: '127.0.0.1',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Protocol': 'sluice.v1',
    ...changes,
  };
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${value}`],
  );
  return `${[line, ...lines].join('\r\n')}\r\n\r\n`;
}

/** A connection to a gateway for data that a well-behaved client would not send. */
export class RawSocket {
  readonly ended: Promise<void>;
  /** Resolves when the gateway sends no more. */
  readonly finished: Promise<void>;
  #received = Buffer.alloc(0);
  #onData: (() => void) | undefined;
  #isEnded = false;

  private constructor(readonly tcp: Socket) {
    tcp.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#onData?.();
    });
    tcp.on('error', () => undefined);
    this.finished = new Promise((resolve) => {
      tcp.on('end', resolve).on('close', resolve);
    });
    this.ended = new Promise((resolve) => {
      tcp.on('close', () => {
        this.#isEnded = true;
        this.#onData?.();
        resolve();
      });
    });
  }

  static async connect(url: string, options: { allowHalfOpen?: boolean } = {}): Promise<RawSocket> {
    const { hostname, port } = new URL(url);
    const tcp = connect({ host: hostname, port: Number(port), ...options });
    await once(tcp, 'connect');
    return new RawSocket(tcp);
  }

  /** Connects and becomes a WebSocket. */
  static async open(url: string): Promise<RawSocket> {
    const socket = await RawSocket.connect(url);
    socket.tcp.write(upgradeRequest());
    await socket.until(() => socket.received.includes('\r\n\r\n'));
    return socket;
  }

  /** All bytes that arrived. */
  get received(): Buffer {
    return this.#received;
  }

  /** Resolves when the condition is true; checks it whenever data arrives, and at the end. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition() && !this.#isEnded) {
      await new Promise<void>((resolve) => {
        this.#onData = resolve;
      });
    }
  }

  /** Sends a request and reads its answer, whose head gives the length. */
  async ask(request: string): Promise<RawAnswer> {
    const from = this.#received.length;
    this.tcp.write(request);
    const answer = (): RawAnswer | undefined => parsedAnswer(this.#received.subarray(from));
    await this.until(() => answer() !== undefined);
    const parsed = answer();
    if (parsed === undefined) throw new Error('the connection ended before there was an answer');
    return parsed;
  }

  sendText(text: string, options: { fin?: boolean; opcode?: number } = {}): void {
    this.tcp.write(maskedFrame(Buffer.from(text), options));
  }

  /** Code of the received close frame; undefined if there is none. */
  get closeCode(): number | undefined {
    const close = this.#frames().find(({ opcode }) => opcode === OPCODE_CLOSE);
    return close === undefined ? undefined : close.payload.readUInt16BE(0);
  }

  /** Returns the texts received so far, in whole frames. */
  texts(): string[] {
    return this.#frames()
      .filter(({ opcode }) => opcode === OPCODE_TEXT)
      .map(({ payload }) => payload.toString());
  }

  /** Returns the number of frames of an opcode received so far. */
  count(opcode: number): number {
    return this.#frames().filter((each) => each.opcode === opcode).length;
  }

  destroy(): void {
    this.tcp.destroy();
  }

  /** Returns the whole frames after the answer to the request. */
  #frames(): Frame[] {
    return framesOf(this.received.subarray(this.received.indexOf('\r\n\r\n') + 4));
  }
}

/** Encodes a client's frame: masked, with a mask of zeros, which changes nothing. */
export function maskedFrame(
  payload: Buffer,
  { fin = true, opcode = OPCODE_TEXT }: { fin?: boolean; opcode?: number } = {},
): Buffer {
  const first = (fin ? 0x80 : 0) | opcode;
  const mask = Buffer.alloc(4);
  if (payload.length < 126) {
    return Buffer.concat([Buffer.from([first, 0x80 | payload.length]), mask, payload]);
  }
  const length = Buffer.alloc(8);
  length.writeBigUInt64BE(BigInt(payload.length));
  return Buffer.concat([Buffer.from([first, 0x80 | 127]), length, mask, payload]);
}

interface Frame {
  readonly opcode: number;
  readonly payload: Buffer;
}

/** Decodes whole frames of a server: not masked. */
function framesOf(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at + 2 <= bytes.length; ) {
    const opcode = (bytes[at] ?? 0) & 0x0f;
    const short = (bytes[at + 1] ?? 0) & 0x7f;
    const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
    const start = at + 2 + lengthBytes;
    if (start > bytes.length) break;
    const length =
      lengthBytes === 0
        ? short
        : bytes.readUIntBE(start - Math.min(lengthBytes, 6), Math.min(lengthBytes, 6));
    if (start + length > bytes.length) break;
    frames.push({ opcode, payload: bytes.subarray(start, start + length) });
    at = start + length;
  }
  return frames;
}

function parsedAnswer(bytes: Buffer): RawAnswer | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const head = bytes.subarray(0, headEnd).toString('latin1');
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1]);
  const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
  const body = bytes.subarray(headEnd + 4);
  if (body.length < length) return undefined;
  return { status, head, body: body.subarray(0, length).toString() };
}
