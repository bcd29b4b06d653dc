import type { IncomingMessage, ServerResponse } from 'node:http';
import type { PeerMessage } from '#replication';
import { drainRequest } from '#runtime';
import { ArrivingBytes } from './arriving-bytes.js';
import { encodePeerFailure, type PeerFailure } from './peer-failure-codec.js';
import { encodePeerMessage } from './peer-message-codec.js';
import { PEER_CONTENT_TYPE, PEER_HEADERS } from './peer-protocol.js';

/** Headers that prove the origin of an answer. */
export type AnswerProof = (
  status: number,
  body: readonly Buffer[],
) => Readonly<Record<string, string>>;

/** Answers on a secure channel need no proof. */
export const NO_PROOF: AnswerProof = () => ({});

const OK = 200;
/** A refused body of at most this size is read to its end, so that the connection can be reused. */
const READ_ON_BYTES_MAX = 64 * 1024;
/** Bytes of a larger body that are read before the connection ends. */
const DRAINED_BYTES_MAX = 1024 * 1024;
/** Time in which they are read. */
const DRAIN_MS_MAX = 2000;

/** One call of another broker: its body, its answer, and whether the caller is still connected. */
export class IncomingCall {
  #gone: AbortController | undefined;
  #isGone = false;
  /** Proves the origin of the answer; set before anything is answered. */
  proof: AnswerProof = NO_PROOF;

  constructor(
    readonly request: IncomingMessage,
    readonly response: ServerResponse,
  ) {
    response.sendDate = false;
    response.on('close', () => {
      if (!response.writableFinished) this.abort();
    });
  }

  /** Id of the calling broker, as the caller states it. */
  get caller(): string {
    return String(this.request.headers[PEER_HEADERS.caller]);
  }

  /** True after the caller has disconnected: the answer is not needed. */
  get isGone(): boolean {
    return this.#isGone;
  }

  /** Created on first use, because most calls are answered at once. */
  get signal(): AbortSignal {
    this.#gone ??= new AbortController();
    if (this.#isGone) this.#gone.abort();
    return this.#gone.signal;
  }

  abort(): void {
    this.#isGone = true;
    this.#gone?.abort();
  }

  /** Calls back with the whole body; never calls back if the caller disconnects before. */
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
    response.writeHead(OK, {
      'content-type': PEER_CONTENT_TYPE,
      'content-length': sizeBytes,
      ...this.proof(OK, chunks),
    });
    response.cork();
    for (const chunk of chunks) response.write(chunk);
    response.end();
    response.uncork();
  }

  /**
   * Answers with an error. A small rest of the body is read and discarded; with a larger one the
   * connection ends after a delay in which the caller can read the error.
   */
  fail(status: number, failure: PeerFailure): void {
    const { request, response } = this;
    if (this.#isGone || response.headersSent) return;
    const body = encodePeerFailure(failure);
    const isRead = request.complete || bodyBytesOf(request) <= READ_ON_BYTES_MAX;
    response.writeHead(status, {
      'content-type': 'application/json',
      'content-length': body.length,
      ...this.proof(status, [body]),
      ...(isRead ? undefined : { connection: 'close' }),
    });
    if (isRead) {
      request.resume();
      response.end(body);
      return;
    }
    // Ending the response now would reset the connection, and the caller might lose the answer.
    response.write(body);
    const limits = { bytesMax: DRAINED_BYTES_MAX, timeoutMs: DRAIN_MS_MAX };
    drainRequest(request, limits, () => response.end());
  }
}

/** Returns the announced size, Infinity if the head does not say it. */
function bodyBytesOf({ headers }: IncomingMessage): number {
  const { 'content-length': length, 'transfer-encoding': coding } = headers;
  if (coding !== undefined) return Number.POSITIVE_INFINITY;
  return Number(length ?? 0);
}
