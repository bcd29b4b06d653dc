import type { Readable } from 'node:stream';
import { ProtocolError } from '#protocol';
import { contentCoding } from './content-coding.js';
import { ReceivedBytes } from './received-bytes.js';
import { type BodySource, unpackedBody } from './unpacked-body.js';

/** A setting that limits one body: of any request, or of the control plane. */
export type BodyBound = 'SLUICE_REQUEST_BYTES_MAX' | 'SLUICE_CONTROL_BYTES_MAX';

/** A request that needs its whole body. */
export interface BodyReceiver extends BodySource {
  /** Largest body in bytes, as sent and as decompressed. */
  readonly bodyBytesMax: number;
  /** The setting that `bodyBytesMax` is from. */
  readonly bodyBound: BodyBound;
  /** True if the client has disconnected or got its answer. */
  readonly isGone: boolean;
  /** Sends `100 Continue` to a client that waits for it. */
  askForBody(): void;
  /**
   * Checks that the caller still has what the request needs: a body may take any time to arrive.
   * @param isLate false if the body came together with the head
   * @throws ProtocolError the error of a credential or a permission that is lost
   */
  assertStillPermitted(isLate: boolean): void;
  /** Answers with the error; the body is discarded. */
  fail(error: unknown): void;
}

/** Receives a whole decompressed body. An error that it throws is answered. */
type BodyHandler = (body: Buffer) => void;

/**
 * Reads the whole body, decompressed, within the limits on one body and on all together.
 *
 * Failures while it arrives are answered here, and so is a caller that has lost its credential or
 * permission meanwhile; after a disconnect of the client nothing is called.
 *
 * @throws ProtocolError REQUEST_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE or BUFFER_EXHAUSTED by the head
 *   alone, before `100 Continue`
 */
export function readBody(receiver: BodyReceiver, onBody: BodyHandler): void {
  const { request, response, bodyBytesMax } = receiver;
  const coding = contentCoding(request.headers['content-encoding'], response);
  const announced = request.headers['content-length'];
  if (announced !== undefined && Number(announced) > bodyBytesMax) {
    throw bodyTooLarge(receiver, `has ${announced} bytes`);
  }
  if (coding === undefined) {
    receiver.askForBody();
    collect(receiver, request, onBody);
    return;
  }
  const unpacked = unpackedBody(receiver, coding, (error) => {
    receiver.fail(error);
  });
  receiver.askForBody();
  let receivedBytes = 0;
  request.on('data', (chunk: Buffer) => {
    receivedBytes += chunk.length;
    // A coded stream may continue forever without decompressing to anything.
    if (receivedBytes > bodyBytesMax) {
      unpacked.destroy(bodyTooLarge(receiver, 'is too large'));
    }
  });
  collect(receiver, unpacked, onBody);
}

/**
 * Returns the body as a decompressed stream of any length.
 * @param onError called if it does not have the coding of its head
 * @throws ProtocolError UNSUPPORTED_MEDIA_TYPE or BUFFER_EXHAUSTED by the head alone
 */
export function streamBody(receiver: BodyReceiver, onError: (error: unknown) => void): Readable {
  const { request, response } = receiver;
  const coding = contentCoding(request.headers['content-encoding'], response);
  const source = coding === undefined ? request : unpackedBody(receiver, coding, onError);
  receiver.askForBody();
  return source;
}

/** Collects a stream in memory that is counted until the request has ended or was refused. */
function collect(receiver: BodyReceiver, source: Readable, onBody: BodyHandler): void {
  const { request, bodyBytesMax, memory } = receiver;
  const isPlain = source === request;
  const announced = request.headers['content-length'];
  const received = new ReceivedBytes(
    memory,
    isPlain && announced !== undefined ? Number(announced) : undefined,
  );
  let hasFailed = false;
  let isLate = !isPlain;

  const fail = (error: unknown): void => {
    hasFailed = true;
    received.drop();
    if (isPlain) receiver.fail(error);
    else source.destroy(error as Error);
  };

  source.on('data', (chunk: Buffer) => {
    if (hasFailed) return;
    if (!request.complete) isLate = true;
    try {
      if (received.sizeBytes + chunk.length > bodyBytesMax) {
        throw bodyTooLarge(receiver, 'is too large');
      }
      received.add(chunk);
    } catch (error) {
      fail(error);
    }
  });
  // The stream was broken off by a fault in its coding, or by its size.
  if (!isPlain) source.on('error', () => received.drop());
  source.on('end', () => {
    if (hasFailed || receiver.isGone) return;
    try {
      receiver.assertStillPermitted(isLate);
      onBody(received.whole());
    } catch (error) {
      receiver.fail(error);
    }
  });
}

function bodyTooLarge({ bodyBytesMax, bodyBound }: BodyReceiver, what: string): ProtocolError {
  const limit = `at most ${bodyBytesMax} bytes are accepted (${bodyBound}), also after decompression.`;
  const isRecords = bodyBound === 'SLUICE_REQUEST_BYTES_MAX';
  const way = isRecords ? ' A stream of application/x-ndjson may have any length.' : '';
  return new ProtocolError('REQUEST_TOO_LARGE', `The body ${what}: ${limit}${way}`, {
    bound: bodyBound,
  });
}
