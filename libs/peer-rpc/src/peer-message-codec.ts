/**
 * Codec for peer messages: the body of a call between brokers, and of its answer.
 *
 * | pos | size | field |
 * |---|---|---|
 * | 0 | 4 | bytes of the JSON part, uint32 |
 * | 4 | 4 | number of blobs, uint32 |
 * | 8 | 4 each | bytes of each blob, uint32 |
 * | | | the JSON part, UTF-8 |
 * | | | the blobs, one after the other |
 *
 * Integers are big-endian. Nothing follows the last blob, so that every wrong length is detected.
 * Record batches travel as blobs, neither escaped nor copied.
 */
import { MalformedPeerMessageError, type PeerMessage } from '#replication';

const LENGTH_BYTES = 4;
const FIXED_HEAD_BYTES = 2 * LENGTH_BYTES;
/** Smaller messages are joined in one buffer, because a copy is cheaper than another write. */
const JOINED_BYTES_MAX = 64 * 1024;

/** An encoded message. */
export interface EncodedPeerMessage {
  readonly sizeBytes: number;
  /** Bytes in order; the blobs are those of the message, not copies. */
  readonly chunks: readonly Buffer[];
}

export function encodePeerMessage({ body, blobs }: PeerMessage): EncodedPeerMessage {
  // A value that JSON cannot express (undefined) becomes null; the check of the call's shape
  // refuses it.
  const json = JSON.stringify(body) ?? 'null';
  const jsonBytes = Buffer.byteLength(json);
  const headBytes = FIXED_HEAD_BYTES + blobs.length * LENGTH_BYTES + jsonBytes;
  let blobsBytes = 0;
  for (const blob of blobs) blobsBytes += blob.length;
  const sizeBytes = headBytes + blobsBytes;
  const isJoined = sizeBytes <= JOINED_BYTES_MAX;
  const head = Buffer.allocUnsafe(isJoined ? sizeBytes : headBytes);
  head.writeUInt32BE(jsonBytes, 0);
  head.writeUInt32BE(blobs.length, LENGTH_BYTES);
  let position = FIXED_HEAD_BYTES;
  for (const blob of blobs) position = head.writeUInt32BE(blob.length, position);
  position += head.write(json, position);
  if (!isJoined) return { sizeBytes, chunks: [head, ...blobs] };
  for (const blob of blobs) position += blob.copy(head, position);
  return { sizeBytes, chunks: [head] };
}

/**
 * @param bytes a whole message; the blobs of the result are views of it
 * @throws MalformedPeerMessageError
 */
export function decodePeerMessage(bytes: Buffer): PeerMessage {
  if (bytes.length < FIXED_HEAD_BYTES) throw malformed(`has ${bytes.length} bytes`);
  const jsonBytes = bytes.readUInt32BE(0);
  const blobCount = bytes.readUInt32BE(LENGTH_BYTES);
  const jsonAt = FIXED_HEAD_BYTES + blobCount * LENGTH_BYTES;
  if (jsonAt + jsonBytes > bytes.length) {
    throw malformed(`of ${bytes.length} bytes has no room for its lengths and its JSON part`);
  }
  const blobs: Buffer[] = [];
  let position = jsonAt + jsonBytes;
  for (let index = 0; index < blobCount; index += 1) {
    const end = position + bytes.readUInt32BE(FIXED_HEAD_BYTES + index * LENGTH_BYTES);
    if (end > bytes.length) throw malformed(`ends within blob ${index}`);
    blobs.push(bytes.subarray(position, end));
    position = end;
  }
  if (position !== bytes.length) throw malformed(`goes on after its last blob`);
  return { body: parseJson(bytes.toString('utf8', jsonAt, jsonAt + jsonBytes)), blobs };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw malformed('has an invalid JSON part', cause);
  }
}

function malformed(what: string, cause?: unknown): MalformedPeerMessageError {
  return new MalformedPeerMessageError(
    `a peer message ${what}`,
    cause === undefined ? undefined : { cause },
  );
}
