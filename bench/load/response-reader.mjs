const HEAD_END = Buffer.from('\r\n\r\n');
const LINE_END = Buffer.from('\r\n');
const EMPTY = Buffer.alloc(0);

/** States of the reader within an answer. */
const IN_HEAD = 0;
const IN_BODY = 1;
const AT_CHUNK_SIZE = 2;
const IN_CHUNK = 3;

/**
 * Finds the ends of HTTP/1.1 answers on a connection: by Content-Length or chunked. Bodies are
 * skipped, not kept. Answers without a body (1xx, 204, 304) end with their head.
 */
export class ResponseReader {
  /**
   * @param {(status: number, sizeBytes: number) => void} onResponse called at the end of each
   *   answer
   */
  constructor(onResponse) {
    this.onResponse = onResponse;
    this.place = IN_HEAD;
    /**
     * Bytes of a head or a chunk's size line whose end has not arrived.
     * @type {Buffer}
     */
    this.held = EMPTY;
    this.remaining = 0;
    this.isLastChunk = false;
    this.status = 0;
    this.sizeBytes = 0;
  }

  /** @param {Buffer} chunk */
  read(chunk) {
    let bytes = this.held.length === 0 ? chunk : Buffer.concat([this.held, chunk]);
    this.held = EMPTY;
    while (bytes.length > 0) {
      const used = this.step(bytes);
      if (used === 0) {
        this.held = bytes;
        return;
      }
      this.sizeBytes += used;
      bytes = bytes.subarray(used);
      this.maybeEnd();
    }
  }

  /**
   * @param {Buffer} bytes
   * @returns {number} bytes that were used, 0 when more are needed
   */
  step(bytes) {
    if (this.place === IN_HEAD) return this.readHead(bytes);
    if (this.place === AT_CHUNK_SIZE) return this.readChunkSize(bytes);
    const used = Math.min(this.remaining, bytes.length);
    this.remaining -= used;
    return used;
  }

  /** @param {Buffer} bytes */
  readHead(bytes) {
    const end = bytes.indexOf(HEAD_END);
    if (end < 0) return 0;
    const head = bytes.toString('latin1', 0, end + 2).toLowerCase();
    this.status = Number(head.slice(9, 12));
    const lengthAt = head.indexOf('\r\ncontent-length:');
    if (this.status < 200 || this.status === 204 || this.status === 304) {
      this.become(IN_BODY, 0);
    } else if (head.includes('\r\ntransfer-encoding: chunked\r\n')) {
      this.become(AT_CHUNK_SIZE, 0);
    } else {
      this.become(IN_BODY, lengthAt < 0 ? 0 : Number.parseInt(head.slice(lengthAt + 17), 10));
    }
    return end + 4;
  }

  /** @param {Buffer} bytes */
  readChunkSize(bytes) {
    const end = bytes.indexOf(LINE_END);
    if (end < 0) return 0;
    const size = Number.parseInt(bytes.toString('latin1', 0, end), 16);
    this.isLastChunk = size === 0;
    this.become(IN_CHUNK, size + LINE_END.length);
    return end + 2;
  }

  /**
   * @param {number} place
   * @param {number} remaining
   */
  become(place, remaining) {
    this.place = place;
    this.remaining = remaining;
  }

  maybeEnd() {
    if (this.remaining > 0) return;
    if (this.place === IN_CHUNK && !this.isLastChunk) this.become(AT_CHUNK_SIZE, 0);
    else if (this.place !== AT_CHUNK_SIZE) this.end();
  }

  end() {
    const { status, sizeBytes } = this;
    this.place = IN_HEAD;
    this.sizeBytes = 0;
    if (status >= 200) this.onResponse(status, sizeBytes);
  }
}
