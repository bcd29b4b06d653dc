import type { IncomingMessage, ServerResponse } from 'node:http';
import type { PeerMessage } from '#replication';
import { ArrivingBytes } from './arriving-bytes.js';
import { encodePeerFailure, type PeerFailure } from './peer-failure-codec.js';
import { encodePeerMessage } from './peer-message-codec.js';
import { PEER_CONTENT_TYPE, PEER_HEADERS } from './peer-protocol.js';

/** One call of another broker: its body, its answer, and whether the caller is still there. */
export class IncomingCall {
  #gone: AbortController | undefined;
  #isGone = false;

  constructor(
    readonly request: IncomingMessage,
    readonly response: ServerResponse,
  ) {
    response.sendDate = false;
    response.on('close', () => {
      if (!response.writableFinished) this.abort();
    });
  }

  /** Id of the calling broker, as it says. */
  get caller(): string {
    return String(this.request.headers[PEER_HEADERS.caller]);
  }

  /** True once nobody waits for the answer. */
  get isGone(): boolean {
    return this.#isGone;
  }

  /** Made when it is asked for: most calls are answered at once. */
  get signal(): AbortSignal {
    this.#gone ??= new AbortController();
    if (this.#isGone) this.#gone.abort();
    return this.#gone.signal;
  }

  abort(): void {
    this.#isGone = true;
    this.#gone?.abort();
  }

  /** Calls back with the whole body; never, when the caller goes before it is there. */
  readBody(sizeBytes: number, onBody: (body: Buffer) => void): void {
    const body = new ArrivingBytes();
    body.announced(sizeBytes);
    this.request.on('data', (chunk: Buffer) => {
      body.add(chunk);
    });
    this.request.on('end', () => {
      onBody(body.whole());
    });
  }

  answer(message: PeerMessage): void {
    const { sizeBytes, chunks } = encodePeerMessage(message);
    const { response } = this;
    response.writeHead(200, {
      'content-type': PEER_CONTENT_TYPE,
      'content-length': sizeBytes,
    });
    response.cork();
    for (const chunk of chunks) response.write(chunk);
    response.end();
    response.uncork();
  }

  /** Answers with an error; what is left of the request's body is thrown away. */
  fail(status: number, failure: PeerFailure): void {
    const { response } = this;
    if (this.#isGone || response.headersSent) return;
    this.request.resume();
    const body = encodePeerFailure(failure);
    response.writeHead(status, {
      'content-type': 'application/json',
      'content-length': body.length,
    });
    response.end(body);
  }
}
