import type { Readable } from 'node:stream';
import { ProtocolError } from '#protocol';
import { contentCoding } from './content-coding.js';
import { ReceivedBytes } from './received-bytes.js';
import { type BodySource, unpackedBody } from './unpacked-body.js';

/** A request whose whole body is wanted. */
export interface BodyReceiver extends BodySource {
  /** Largest body, as sent and as unpacked. */
  readonly bodyBytesMax: number;
  /** The client is gone or was answered. */
  readonly isGone: boolean;
  /** Asks a client that waits for it to send the body. */
  askForBody(): void;
  /** Answers with the error; nothing more of the body is kept. */
  fail(error: unknown): void;
}

/** Takes a whole body, unpacked. What it throws is answered. */
type BodyHandler = (body: Buffer) => void;

/**
 * Reads the whole body, unpacked, within the limits on one body and on all together.
 *
 * Failures while it comes are answered here; a client that goes away is simply not heard of again.
 *
 * @throws ProtocolError REQUEST_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE or BUFFER_EXHAUSTED by the head
 *   alone, before the client is asked for the body
 */
export function readBody(receiver: BodyReceiver, onBody: BodyHandler): void {
  const { request, response, bodyBytesMax } = receiver;
  const coding = contentCoding(request.headers['content-encoding'], response);
  const announced = request.headers['content-length'];
  if (announced !== undefined && Number(announced) > bodyBytesMax) {
    throw bodyTooLarge(`has ${announced} bytes`, bodyBytesMax);
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
    // A coded stream may go on without ever unpacking to anything.
    if (receivedBytes > bodyBytesMax) {
      unpacked.destroy(bodyTooLarge('is too large', bodyBytesMax));
    }
  });
  collect(receiver, unpacked, onBody);
}

/**
 * The body as a stream, unpacked; its length has no limit.
 * @param onError called when it is not coded as its head says
 * @throws ProtocolError UNSUPPORTED_MEDIA_TYPE or BUFFER_EXHAUSTED by the head alone
 */
export function streamBody(receiver: BodyReceiver, onError: (error: unknown) => void): Readable {
  const { request, response } = receiver;
  const coding = contentCoding(request.headers['content-encoding'], response);
  const source = coding === undefined ? request : unpackedBody(receiver, coding, onError);
  receiver.askForBody();
  return source;
}

/** Gathers a stream in memory that is counted until the request has ended, or was refused. */
function collect(receiver: BodyReceiver, source: Readable, onBody: BodyHandler): void {
  const { request, bodyBytesMax, memory } = receiver;
  const isPlain = source === request;
  const announced = request.headers['content-length'];
  const received = new ReceivedBytes(
    memory,
    isPlain && announced !== undefined ? Number(announced) : undefined,
  );
  let hasFailed = false;

  const fail = (error: unknown): void => {
    hasFailed = true;
    received.drop();
    if (isPlain) receiver.fail(error);
    else source.destroy(error as Error);
  };

  source.on('data', (chunk: Buffer) => {
    if (hasFailed) return;
    try {
      if (received.sizeBytes + chunk.length > bodyBytesMax) {
        throw bodyTooLarge('is too large', bodyBytesMax);
      }
      received.add(chunk);
    } catch (error) {
      fail(error);
    }
  });
  // It was broken off: by a fault in its coding, or because too much of it came.
  if (!isPlain) source.on('error', () => received.drop());
  source.on('end', () => {
    if (hasFailed || receiver.isGone) return;
    try {
      onBody(received.whole());
    } catch (error) {
      receiver.fail(error);
    }
  });
}

function bodyTooLarge(what: string, bytesMax: number): ProtocolError {
  return new ProtocolError(
    'REQUEST_TOO_LARGE',
    `The body ${what}: at most ${bytesMax} bytes are accepted (SLUICE_REQUEST_BYTES_MAX), unpacked too. ` +
      'A stream of application/x-ndjson may be of any length.',
  );
}
