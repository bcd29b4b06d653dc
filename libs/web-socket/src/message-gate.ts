/**
 * Filters the bytes between a connection and `ws`: it holds back an incomplete WebSocket message
 * until it is whole, and counts its memory. `ws` collects the frames of a message itself, but its
 * memory can neither be seen nor freed, so it gets only whole messages.
 *
 * Bytes that begin and end with whole messages pass unchanged, without a copy. The beginning of a
 * message is copied into segments, so that a message in many small pieces keeps neither the read
 * buffers nor one object per piece. Control frames pass at once, also between the frames of a
 * message. A frame that violates the protocol passes as well, with everything before it: `ws` finds
 * the fault and closes; later bytes are dropped.
 *
 * Invariant: held bytes are counted in the memory, by the size of their buffers, until they have
 * passed or were dropped; a compressed message until it is decompressed.
 *
 * Overlap: `close` may be called within `pass`.
 */
import { ByteSegments } from '#record-json';
import type { ByteAccount } from '#runtime';
import {
  HEAD_BYTES_MAX,
  HEAD_BYTES_MIN,
  headBytes,
  isAcceptedHead,
  isClose,
  isCompressed,
  isControl,
  isFinal,
  payloadBytes,
} from './frame-head.js';
import { MASK_BYTES, unmask } from './unmask.js';
import type { UnpackingSlots } from './unpacking-slots.js';

/**
 * The mask of a frame of this size is removed piece by piece as it arrives, because removing it at
 * once would block the event loop. `ws` gets a mask of zeros, which changes nothing.
 */
const UNMASKED_BYTES_MIN = 256 * 1024;
/** Frames of one message; `ws` has the same bound and closes with 1008. */
const FRAMES_MAX = 16 * 1024;
const EMPTY = Buffer.alloc(0);

export interface MessageGateOptions {
  readonly memory: ByteAccount;
  /** Largest message in bytes, as sent. */
  readonly messageBytesMax: number;
  /** Undefined if no message may be compressed. */
  readonly slots: UnpackingSlots | undefined;
  /** Receives whole messages and control frames; the gate does not reuse the buffer. */
  pass(bytes: Buffer): void;
  /** Called when reading may continue after `isBlocked`. */
  unblocked(): void;
}

export class MessageGate {
  readonly #options: MessageGateOptions;
  /** The unfinished message. */
  readonly #message: ByteSegments;
  /** Head of the current frame; of a control frame all of it. */
  #head: Buffer = EMPTY;
  #headUsedBytes = 0;
  /** Bytes of the head as far as known; later also the payload of a control frame. */
  #headNeededBytes = HEAD_BYTES_MIN;
  #hasHead = false;
  /** Missing bytes of the current frame's payload. */
  #missingBytes = 0;
  /** Mask of the current frame that is removed here, and the position of its payload. */
  #mask: Buffer | undefined;
  #maskedBytes = 0;
  #isFirstCompressed = false;
  /** Frames and payload bytes of the unfinished message. */
  #frames = 0;
  #payloadBytes = 0;
  /** Bytes of the compressed message that waits for its turn or is being decompressed. */
  #unpackingBytes = 0;
  #isUnpacking = false;
  #endWait: (() => void) | undefined;
  /** Bytes after a message that is being decompressed. */
  #behind: Buffer = EMPTY;
  #isEnded = false;

  constructor(options: MessageGateOptions) {
    this.#options = options;
    this.#message = new ByteSegments(options.memory);
  }

  /** While true, arriving bytes are only queued, and the connection should not be read. */
  get isBlocked(): boolean {
    return this.#unpackingBytes > 0;
  }

  /**
   * Processes arriving bytes.
   * @throws ProtocolError BUFFER_EXHAUSTED; then the caller must refuse the connection
   */
  take(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0 && !this.#isEnded) {
      if (this.isBlocked) {
        this.#putAside(rest);
        return;
      }
      rest = this.#isBetweenMessages ? this.#passWhole(rest) : this.#gather(rest);
    }
  }

  /** Call it for each message that `ws` has produced from the passed bytes. */
  messageTaken(): void {
    if (!this.#isUnpacking) return;
    this.#endUnpacking();
    if (this.#isEnded) return;
    const behind = this.#behind;
    this.#behind = EMPTY;
    this.#options.memory.release(behind.length);
    this.take(behind);
    if (!this.isBlocked) this.#options.unblocked();
  }

  /** Frees all held bytes, and drops later ones. */
  close(): void {
    this.#isEnded = true;
    if (this.isBlocked) this.#endUnpacking();
    this.#options.memory.release(this.#behind.length);
    this.#behind = EMPTY;
    this.#message.drop();
    this.#reset();
  }

  get #isBetweenMessages(): boolean {
    return this.#frames === 0 && this.#headUsedBytes === 0;
  }

  /**
   * Passes the whole messages that the bytes begin with.
   * @returns the bytes after them: the beginning of a message, to be collected
   */
  #passWhole(chunk: Buffer): Buffer {
    const end = this.#endOfWholeMessages(chunk);
    if (end === 0) return this.#gather(chunk);
    this.#options.pass(end === chunk.length ? chunk : chunk.subarray(0, end));
    if (end === chunk.length || this.#isEnded) return EMPTY;
    return this.#gather(chunk.subarray(end));
  }

  /** Finds the end of plain messages and pings only; everything else is checked frame by frame. */
  #endOfWholeMessages(chunk: Buffer): number {
    const { messageBytesMax } = this.#options;
    let end = 0;
    let at = 0;
    let isWithinMessage = false;
    let messageBytes = 0;
    while (at + HEAD_BYTES_MIN <= chunk.length) {
      const headSize = headBytes(chunk, at);
      if (at + headSize > chunk.length) break;
      if (!isAcceptedHead(chunk, at, isWithinMessage, false) || isClose(chunk, at)) break;
      const sizeBytes = payloadBytes(chunk, at);
      const frameEnd = at + headSize + sizeBytes;
      if (frameEnd > chunk.length) break;
      if (!isControl(chunk, at)) {
        messageBytes += sizeBytes;
        if (messageBytes > messageBytesMax) break;
        isWithinMessage = !isFinal(chunk, at);
        if (!isWithinMessage) messageBytes = 0;
      }
      at = frameEnd;
      if (!isWithinMessage) end = at;
    }
    return end;
  }

  /**
   * Collects the bytes that the current frame still needs, and continues at its end.
   * @returns the bytes after the message, or after the passed bytes
   */
  #gather(chunk: Buffer): Buffer {
    let at = 0;
    while (at < chunk.length && !this.#isEnded) {
      at = this.#hasHead ? this.#takePayload(chunk, at) : this.#takeHead(chunk, at);
      if (this.#hasHead && this.#missingBytes === 0) this.#endFrame();
      if (this.#isBetweenMessages || this.isBlocked) return chunk.subarray(at);
    }
    return EMPTY;
  }

  /** @returns the position of the first unused byte */
  #takeHead(chunk: Buffer, from: number): number {
    if (this.#head === EMPTY) this.#head = Buffer.allocUnsafe(HEAD_BYTES_MAX);
    const head = this.#head;
    const copied = chunk.copy(
      head,
      this.#headUsedBytes,
      from,
      from + this.#headNeededBytes - this.#headUsedBytes,
    );
    this.#headUsedBytes += copied;
    const at = from + copied;
    if (this.#headUsedBytes < this.#headNeededBytes) return at;
    if (this.#headNeededBytes === HEAD_BYTES_MIN) {
      if (!isAcceptedHead(head, 0, this.#frames > 0, this.#options.slots !== undefined)) {
        this.#passFault(chunk.subarray(at));
        return chunk.length;
      }
      this.#headNeededBytes = headBytes(head, 0);
      return at;
    }
    const sizeBytes = payloadBytes(head, 0);
    if (!this.#hasRoomFor(sizeBytes)) {
      this.#passFault(chunk.subarray(at));
      return chunk.length;
    }
    this.#hasHead = true;
    this.#missingBytes = sizeBytes;
    if (!isControl(head, 0)) this.#beginFrame(sizeBytes);
    return at;
  }

  #hasRoomFor(sizeBytes: number): boolean {
    const isData = !isControl(this.#head, 0);
    return !isData || this.#payloadBytes + sizeBytes <= this.#options.messageBytesMax;
  }

  #beginFrame(sizeBytes: number): void {
    if (this.#frames === 0) this.#isFirstCompressed = isCompressed(this.#head, 0);
    this.#frames += 1;
    this.#payloadBytes += sizeBytes;
    const headSize = this.#headUsedBytes;
    if (sizeBytes >= UNMASKED_BYTES_MIN) this.#takeMask(headSize);
    this.#message.add(this.#head, 0, headSize, headSize + sizeBytes);
  }

  /** The mask is at the end of the head. */
  #takeMask(headSize: number): void {
    const mask = this.#head.subarray(headSize - MASK_BYTES, headSize);
    this.#mask = Buffer.from(mask);
    this.#maskedBytes = 0;
    mask.fill(0);
  }

  #takePayload(chunk: Buffer, from: number): number {
    const to = Math.min(chunk.length, from + this.#missingBytes);
    if (isControl(this.#head, 0)) {
      this.#headUsedBytes += chunk.copy(this.#head, this.#headUsedBytes, from, to);
    } else {
      if (this.#mask !== undefined) {
        unmask(chunk.subarray(from, to), this.#mask, this.#maskedBytes);
        this.#maskedBytes += to - from;
      }
      this.#message.add(chunk, from, to, this.#missingBytes);
    }
    this.#missingBytes -= to - from;
    return to;
  }

  #endFrame(): void {
    const head = this.#head;
    if (isControl(head, 0)) {
      this.#passControl();
    } else if (this.#frames > FRAMES_MAX) {
      this.#passFault(EMPTY);
    } else if (isFinal(head, 0)) {
      this.#passMessage();
    } else {
      this.#nextFrame();
    }
  }

  #passControl(): void {
    const frame = Buffer.from(this.#head.subarray(0, this.#headUsedBytes));
    // Bytes after a close frame are not part of the conversation.
    if (isClose(frame, 0)) this.close();
    else this.#nextFrame();
    this.#options.pass(frame);
  }

  #passMessage(): void {
    const { slots } = this.#options;
    const isPacked = slots !== undefined && this.#isFirstCompressed;
    const message = this.#message.joined();
    this.#message.drop();
    this.#reset();
    if (!isPacked) {
      this.#options.pass(message);
      return;
    }
    // Its bytes stay counted until it is decompressed.
    this.#options.memory.hold(message.length);
    this.#unpackingBytes = message.length;
    this.#endWait = slots.acquire(() => {
      this.#isUnpacking = true;
      this.#options.pass(message);
    });
  }

  #endUnpacking(): void {
    const { memory, slots } = this.#options;
    this.#endWait?.();
    this.#endWait = undefined;
    memory.release(this.#unpackingBytes);
    this.#unpackingBytes = 0;
    if (!this.#isUnpacking) return;
    this.#isUnpacking = false;
    slots?.release();
  }

  /** Passes a protocol violation to `ws`, with all bytes that it needs to find it. */
  #passFault(behind: Buffer): void {
    // The head of an unfinished data frame is part of the message.
    const head = this.#hasHead ? EMPTY : this.#head.subarray(0, this.#headUsedBytes);
    const faulty = this.#message.joined(Buffer.concat([head, behind]));
    this.close();
    this.#options.pass(faulty);
  }

  #putAside(chunk: Buffer): void {
    this.#options.memory.hold(chunk.length);
    this.#behind = Buffer.concat([this.#behind, chunk]);
  }

  #nextFrame(): void {
    this.#headUsedBytes = 0;
    this.#headNeededBytes = HEAD_BYTES_MIN;
    this.#hasHead = false;
    this.#missingBytes = 0;
    this.#mask = undefined;
  }

  #reset(): void {
    this.#head = EMPTY;
    this.#frames = 0;
    this.#payloadBytes = 0;
    this.#isFirstCompressed = false;
    this.#nextFrame();
  }
}
