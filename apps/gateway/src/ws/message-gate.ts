/**
 * Stands between a connection and `ws`: holds back what has arrived of a WebSocket message until
 * the message is whole, and counts it. `ws` gathers the frames of a message itself, but nobody can
 * see how much it has, nor make it let go; so it is given whole messages only.
 *
 * Bytes that begin with whole messages and end with one pass as they came, without a copy. The
 * beginning of a message is copied into segments, so that a message that trickles in pins neither
 * the buffers it was read into nor one object per piece. Control frames pass at once, also between
 * the frames of a message. A frame that breaks the protocol passes, too, with all before it: `ws`
 * finds the fault and closes; what follows is dropped.
 *
 * Invariant: what it holds is counted in the memory, by the size of its buffers, until it has
 * passed or was dropped; a compressed message until it is unpacked.
 *
 * Overlap: `close` may come within `pass`.
 */
import { type ByteAccount, ByteSegments } from '#record-json';
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
 * A frame this large loses its mask piece by piece, as it comes: all at once would hold the event
 * loop. `ws` is given a mask of zeros, with which it changes nothing.
 */
const UNMASKED_BYTES_MIN = 256 * 1024;
/** Frames of one message; `ws` has the same bound and closes with 1008. */
const FRAMES_MAX = 16 * 1024;
const EMPTY = Buffer.alloc(0);

export interface MessageGateOptions {
  readonly memory: ByteAccount;
  /** Largest message, as sent. */
  readonly messageBytesMax: number;
  /** Undefined: nothing may be compressed. */
  readonly slots: UnpackingSlots | undefined;
  /** Takes whole messages and control frames; the gate does not use the buffer again. */
  pass(bytes: Buffer): void;
}

export class MessageGate {
  /** Called when reading may go on that `isBlocked` held up. */
  onUnblocked: () => void = () => undefined;
  readonly #options: MessageGateOptions;
  /** The message that has begun. */
  readonly #message: ByteSegments;
  /** The head of the current frame, of a control frame all of it. */
  #head: Buffer = EMPTY;
  #headUsedBytes = 0;
  /** Bytes of the head, as far as is known; then the control frame's payload is counted in. */
  #headNeededBytes = HEAD_BYTES_MIN;
  #hasHead = false;
  /** Bytes of the current frame's payload that are still to come. */
  #missingBytes = 0;
  /** Mask of the current frame that is taken off here, and where its payload is. */
  #mask: Buffer | undefined;
  #maskedBytes = 0;
  #isFirstCompressed = false;
  /** Frames and payload of the message that has begun. */
  #frames = 0;
  #payloadBytes = 0;
  /** Bytes of the compressed message that waits for its turn or is being unpacked. */
  #unpackingBytes = 0;
  #isUnpacking = false;
  #endWait: (() => void) | undefined;
  /** What came behind a message that is being unpacked. */
  #behind: Buffer = EMPTY;
  #isEnded = false;

  constructor(options: MessageGateOptions) {
    this.#options = options;
    this.#message = new ByteSegments(options.memory);
  }

  /** While true, what arrives is only put aside: the connection is not to be read from. */
  get isBlocked(): boolean {
    return this.#unpackingBytes > 0;
  }

  /**
   * Takes what arrived.
   * @throws ProtocolError BUFFER_EXHAUSTED; then the connection is to be refused
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

  /** To be called for each message that `ws` has made of what passed. */
  messageTaken(): void {
    if (!this.#isUnpacking) return;
    this.#endUnpacking();
    if (this.#isEnded) return;
    const behind = this.#behind;
    this.#behind = EMPTY;
    this.#options.memory.release(behind.length);
    this.take(behind);
    if (!this.isBlocked) this.onUnblocked();
  }

  /** Lets go of what it holds, and drops what comes from now on. */
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
   * @returns the bytes behind them: the beginning of a message, which is to be gathered
   */
  #passWhole(chunk: Buffer): Buffer {
    const end = this.#endOfWholeMessages(chunk);
    if (end === 0) return this.#gather(chunk);
    this.#options.pass(end === chunk.length ? chunk : chunk.subarray(0, end));
    if (end === chunk.length || this.#isEnded) return EMPTY;
    return this.#gather(chunk.subarray(end));
  }

  /** Plain messages and pings alone; all else is looked at frame by frame. */
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
   * Takes what the current frame still needs, and goes on at its end.
   * @returns the bytes behind the message, or behind the bytes that were passed
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

  /** @returns where the bytes begin that were not taken */
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

  /** The mask is the end of the head. */
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
    // What follows a close frame is no part of the conversation.
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
    // Its bytes stay counted until it is unpacked.
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

  /** Gives `ws` what breaks the protocol, with all that it needs to find so. */
  #passFault(behind: Buffer): void {
    // The head of a frame of data that has begun is part of the message.
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
