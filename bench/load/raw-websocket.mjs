/**
 * A minimal WebSocket client: it sends prebuilt frames and only finds the bounds of received
 * frames. A general client would be slower than the server.
 */
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';

const HEAD_END = Buffer.from('\r\n\r\n');
const TEXT_FRAME = 0x81;
const BINARY_FRAME = 0x82;
const MASKED = 0x80;
const MASK_BYTES = 4;

/**
 * A masked text frame, as a client sends it. The mask is zero, which costs the server the same
 * time.
 * @param {string} payload
 * @param {boolean} [isBinary]
 */
export function clientFrame(payload, isBinary = false) {
  const bytes = Buffer.from(payload);
  const lengthBytes = bytes.length < 126 ? 0 : bytes.length < 65_536 ? 2 : 8;
  const frame = Buffer.alloc(2 + lengthBytes + MASK_BYTES + bytes.length);
  frame[0] = isBinary ? BINARY_FRAME : TEXT_FRAME;
  frame[1] = MASKED | (lengthBytes === 0 ? bytes.length : lengthBytes === 2 ? 126 : 127);
  if (lengthBytes === 2) frame.writeUInt16BE(bytes.length, 2);
  if (lengthBytes === 8) frame.writeBigUInt64BE(BigInt(bytes.length), 2);
  bytes.copy(frame, 2 + lengthBytes + MASK_BYTES);
  return frame;
}

/**
 * Opens a WebSocket; resolves once the server has accepted it.
 * @param {object} options
 * @param {number} options.port
 * @param {string} [options.path]
 * @param {string} [options.protocol]
 * @param {string} [options.authorization] header of the request
 * @param {(bytes: Buffer, start: number, end: number) => void} options.onFrame gets the bounds of
 *   the payload of each text or binary frame
 * @param {boolean} [options.isCounted] only the beginning of the payload is read: `end` may lie
 *   outside of the bytes, and parts are not joined
 */
export function openWebSocket(options) {
  const { port, path = '/v1/ws', protocol, authorization, onFrame, isCounted = false } = options;
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.setNoDelay(true);
    let head = Buffer.alloc(0);
    let isOpen = false;
    const reader = new FrameReader(onFrame, isCounted);
    socket.on('connect', () => {
      const lines = [
        `GET ${path} HTTP/1.1`,
        `Host: 127.0.0.1:${port}`,
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
        ...(protocol === undefined ? [] : [`Sec-WebSocket-Protocol: ${protocol}`]),
        ...(authorization === undefined ? [] : [`Authorization: ${authorization}`]),
      ];
      socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    });
    socket.on('data', (chunk) => {
      if (isOpen) {
        reader.read(chunk);
        return;
      }
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf(HEAD_END);
      if (end < 0) return;
      const rest = head.subarray(end + HEAD_END.length);
      const status = head.toString('latin1', 0, end).split('\r\n', 1)[0] ?? '';
      isOpen = true;
      if (!status.includes(' 101 ')) {
        reject(new Error(`the upgrade was answered with ${status}`));
        return;
      }
      resolve(socket);
      if (rest.length > 0) reader.read(rest);
    });
    socket.on('error', reject);
  });
}

/** Finds frames in the chunks of a connection; a split payload is joined. */
class FrameReader {
  /**
   * @param {(bytes: Buffer, start: number, end: number) => void} onFrame
   * @param {boolean} isCounted
   */
  constructor(onFrame, isCounted) {
    this.onFrame = onFrame;
    this.isCounted = isCounted;
    /** Bytes of a counted frame that are still to come. */
    this.skippedBytes = 0;
    /** @type {Buffer[]} */
    this.parts = [];
    this.partBytes = 0;
    this.neededBytes = 0;
  }

  /** @param {Buffer} chunk */
  read(chunk) {
    let bytes = chunk;
    if (this.partBytes > 0) {
      this.parts.push(chunk);
      this.partBytes += chunk.length;
      if (this.partBytes < this.neededBytes) return;
      bytes = Buffer.concat(this.parts, this.partBytes);
      this.parts = [];
      this.partBytes = 0;
    }
    let at = Math.min(this.skippedBytes, bytes.length);
    this.skippedBytes -= at;
    for (;;) {
      const left = bytes.length - at;
      if (left < 2) break;
      let start = at + 2;
      let length = bytes.readUInt8(at + 1) & 0x7f;
      if (length === 126) {
        if (left < 4) break;
        length = bytes.readUInt16BE(at + 2);
        start = at + 4;
      } else if (length === 127) {
        if (left < 10) break;
        length = bytes.readUInt32BE(at + 2) * 2 ** 32 + bytes.readUInt32BE(at + 6);
        start = at + 10;
      }
      const end = start + length;
      if (end > bytes.length && !this.isCounted) {
        this.neededBytes = end - at;
        break;
      }
      const opcode = bytes.readUInt8(at) & 0x0f;
      if (opcode === 1 || opcode === 2) this.onFrame(bytes, start, end);
      at = Math.min(end, bytes.length);
      this.skippedBytes = end - at;
    }
    if (at < bytes.length) {
      this.parts = [at === 0 ? bytes : Buffer.from(bytes.subarray(at))];
      this.partBytes = bytes.length - at;
      if (this.neededBytes <= this.partBytes) this.neededBytes = this.partBytes + 1;
    } else this.neededBytes = 0;
  }
}
