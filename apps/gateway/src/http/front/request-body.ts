import type { Readable } from 'node:stream';
import { ProtocolError } from '#protocol';
import {
  type ContentCoding,
  contentCoding,
  createUnpacker,
  unpackingError,
} from './content-coding.js';
import type { Exchange } from './exchange.js';

/** Takes a whole body, unpacked. */
type BodyHandler = (body: Buffer) => void;

/**
 * Reads the whole body, unpacked, within the limits on one body and on all together.
 *
 * Failures while it comes are answered here; a client that goes away is simply not heard of again.
 *
 * @throws ProtocolError REQUEST_TOO_LARGE or UNSUPPORTED_MEDIA_TYPE by the head alone, before the
 *   client is asked for the body
 */
export function readBody(exchange: Exchange, onBody: BodyHandler): void {
  const { request, response, context } = exchange;
  const { requestBytesMax } = context.options;
  const coding = contentCoding(request.headers['content-encoding'], response);
  const announcedBytes = request.headers['content-length'];
  if (announcedBytes !== undefined && Number(announcedBytes) > requestBytesMax) {
    throw bodyTooLarge(`has ${announcedBytes} bytes`, requestBytesMax);
  }
  exchange.askForBody();
  if (coding === undefined) {
    collect(exchange, request, onBody);
    return;
  }
  const unpacked = unpackedBody(exchange, coding, (error) => {
    exchange.fail(error);
  });
  let receivedBytes = 0;
  request.on('data', (chunk: Buffer) => {
    receivedBytes += chunk.length;
    // A coded stream may go on without ever unpacking to anything.
    if (receivedBytes > requestBytesMax) {
      unpacked.destroy(bodyTooLarge('is too large', requestBytesMax));
    }
  });
  collect(exchange, unpacked, onBody);
}

/**
 * The body as a stream, unpacked; its length has no limit.
 * @param onError called when it is not coded as its head says
 * @throws ProtocolError UNSUPPORTED_MEDIA_TYPE by the head alone
 */
export function streamBody(exchange: Exchange, onError: (error: unknown) => void): Readable {
  const { request, response } = exchange;
  const coding = contentCoding(request.headers['content-encoding'], response);
  exchange.askForBody();
  return coding === undefined ? request : unpackedBody(exchange, coding, onError);
}

function unpackedBody(
  exchange: Exchange,
  coding: ContentCoding,
  onError: (error: unknown) => void,
): Readable {
  const { request } = exchange;
  const unpacker = createUnpacker(coding);
  unpacker.on('error', (error) => {
    request.unpipe(unpacker);
    onError(error instanceof ProtocolError ? error : unpackingError(coding, error));
  });
  exchange.response.once('close', () => unpacker.destroy());
  return request.pipe(unpacker);
}

/** Gathers a stream in memory that the exchange holds until it ends. */
function collect(exchange: Exchange, source: Readable, onBody: BodyHandler): void {
  const { requestBytesMax } = exchange.context.options;
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  let hasFailed = false;

  const fail = (error: unknown): void => {
    hasFailed = true;
    chunks.length = 0;
    if (source === exchange.request) exchange.fail(error);
    else source.destroy(error as Error);
  };

  source.on('data', (chunk: Buffer) => {
    if (hasFailed) return;
    sizeBytes += chunk.length;
    try {
      if (sizeBytes > requestBytesMax) throw bodyTooLarge('is too large', requestBytesMax);
      exchange.holdMemory(chunk.length);
      chunks.push(chunk);
    } catch (error) {
      fail(error);
    }
  });
  source.on('end', () => {
    if (hasFailed || exchange.isGone) return;
    try {
      onBody(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, sizeBytes));
    } catch (error) {
      exchange.fail(error);
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
