import type { IncomingMessage, ServerResponse } from 'node:http';
import type { PeerMessage } from '#replication';
import { drainRequest } from '../http/front/drain-request.js';
import { ArrivingBytes } from './arriving-bytes.js';
import { encodePeerFailure, type PeerFailure } from './peer-failure-codec.js';
import { encodePeerMessage } from './peer-message-codec.js';
import { PEER_CONTENT_TYPE, PEER_HEADERS } from './peer-protocol.js';

/** A refused body of no more than this is read on, so that the connection can be used again. */
const READ_ON_BYTES_MAX = 64 * 1024;
/** So much of a larger one is read before the connection ends. */
const DRAINED_BYTES_MAX = 1024 * 1024;
/** How long they are read. */
const DRAIN_MS_MAX = 2000;

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

  /**
   * Answers with an error. A small rest of the body is read on and thrown away; with a larger one
   * the connection ends, after a while in which the caller can read why.
   */
  fail(status: number, failure: PeerFailure): void {
    const { request, response } = this;
    if (this.#isGone || response.headersSent) return;
    const body = encodePeerFailure(failure);
    const isRead = request.complete || bodyBytesOf(request) <= READ_ON_BYTES_MAX;
    response.writeHead(status, {
      'content-type': 'application/json',
      'content-length': body.length,
      ...(isRead ? undefined : { connection: 'close' }),
    });
    if (isRead) {
      request.resume();
      response.end(body);
      return;
    }
    // Were it ended now, the connection would be reset, and the caller might lose the answer.
    response.write(body);
    const limits = { bytesMax: DRAINED_BYTES_MAX, timeoutMs: DRAIN_MS_MAX };
    drainRequest(request, limits, () => response.end());
  }
}

/** Infinite where the head does not say. */
function bodyBytesOf({ headers }: IncomingMessage): number {
  const { 'content-length': length, 'transfer-encoding': coding } = headers;
  if (coding !== undefined) return Number.POSITIVE_INFINITY;
  return Number(length ?? 0);
}
