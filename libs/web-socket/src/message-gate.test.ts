import type { Writable } from 'node:stream';
import * as fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import * as ws from 'ws';
import { ProtocolError } from '#protocol';
import { MessageGate } from './message-gate.js';
import { messageMemory } from './testing/message-memory.js';
import { UnpackingSlots } from './unpacking-slots.js';

/** The parser of ws; its types omit it. */
const { Receiver } = ws as unknown as { Receiver: new (options: object) => Writable };

const MESSAGE_BYTES_MAX = 100_000;
const MEMORY_BYTES = 300_000;

interface FrameOptions {
  readonly opcode?: number;
  readonly isFinal?: boolean;
  readonly isCompressed?: boolean;
  /** Replaces the length of the payload. */
  readonly declaredBytes?: number;
}

/** Encodes a client's frame with a mask of zeros, which changes nothing. */
function frame(payload: Buffer | string, options: FrameOptions = {}): Buffer {
  const { opcode = 1, isFinal = true, isCompressed = false } = options;
  const bytes = Buffer.from(payload);
  const length = options.declaredBytes ?? bytes.length;
  const first = (isFinal ? 0x80 : 0) | (isCompressed ? 0x40 : 0) | opcode;
  const mask = Buffer.alloc(4);
  if (length < 126) return Buffer.concat([Buffer.from([first, 0x80 | length]), mask, bytes]);
  if (length < 65_536) {
    const head = Buffer.from([first, 0x80 | 126, length >> 8, length & 0xff]);
    return Buffer.concat([head, mask, bytes]);
  }
  const head = Buffer.alloc(10);
  head[0] = first;
  head[1] = 0x80 | 127;
  head.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([head, mask, bytes]);
}

describe('a message gate', () => {
  let memory = messageMemory(MEMORY_BYTES);
  let passed: Buffer[] = [];
  let gate = gateWith();

  function gateWith(slots?: UnpackingSlots): MessageGate {
    return new MessageGate({
      memory,
      messageBytesMax: MESSAGE_BYTES_MAX,
      slots,
      pass: (bytes) => passed.push(bytes),
      unblocked: () => undefined,
    });
  }

  beforeEach(() => {
    memory = messageMemory(MEMORY_BYTES);
    passed = [];
    gate = gateWith();
  });

  test('whole messages pass unchanged, and nothing is held', () => {
    const chunk = Buffer.concat([frame('one'), frame('', { opcode: 9 }), frame('two')]);
    gate.take(chunk);
    expect(passed).toEqual([chunk]);
    expect(passed[0]?.buffer).toBe(chunk.buffer);
    expect(memory.heldBytes).toBe(0);
  });

  test('the beginning of a message is held and counted until its end arrives', () => {
    const large = frame('x'.repeat(90_000));
    const chunk = Buffer.concat([frame('whole'), large.subarray(0, 70_000)]);
    gate.take(chunk);
    expect(passed).toEqual([frame('whole')]);
    expect(memory.heldBytes).toBeGreaterThanOrEqual(70_000);
    gate.take(Buffer.concat([large.subarray(70_000), frame('next')]));
    expect(Buffer.concat(passed)).toEqual(Buffer.concat([frame('whole'), large, frame('next')]));
    expect(memory.heldBytes).toBe(0);
  });

  test('a message that arrives byte by byte uses no more memory than its size', () => {
    const bytes = frame('x'.repeat(2000));
    let heldMax = 0;
    for (const byte of bytes) {
      gate.take(Buffer.from([byte]));
      heldMax = Math.max(heldMax, memory.heldBytes);
    }
    expect(heldMax).toBeLessThanOrEqual(bytes.length);
    expect(passed).toEqual([bytes]);
  });

  test('pings pass between the frames of a message, and the frames are still counted', () => {
    const part = 'x'.repeat(20_000);
    gate.take(frame(part, { isFinal: false }));
    for (let pings = 0; pings < 3; pings += 1) {
      gate.take(frame('ping', { opcode: 9 }));
      gate.take(frame(part, { opcode: 0, isFinal: false }));
    }
    expect(passed).toEqual([1, 2, 3].map(() => frame('ping', { opcode: 9 })));
    expect(memory.heldBytes).toBeGreaterThanOrEqual(80_000);
    gate.take(frame('', { opcode: 0 }));
    const parts = [frame(part, { isFinal: false })];
    for (let frames = 0; frames < 3; frames += 1) {
      parts.push(frame(part, { opcode: 0, isFinal: false }));
    }
    parts.push(frame('', { opcode: 0 }));
    expect(Buffer.concat(passed.slice(3))).toEqual(Buffer.concat(parts));
    expect(memory.heldBytes).toBe(0);
  });

  test('the mask of a large frame is removed piece by piece', async () => {
    const text = 'a € b'.repeat(60_000);
    const masked = frame(text);
    const key = Buffer.from([0x9d, 2, 0xff, 0x41]);
    const payloadAt = masked.length - Buffer.byteLength(text);
    key.copy(masked, payloadAt - key.length);
    for (let at = payloadAt; at < masked.length; at += 1) {
      masked[at] = (masked[at] as number) ^ (key[(at - payloadAt) % 4] as number);
    }
    gate = new MessageGate({
      memory: messageMemory(8_000_000),
      messageBytesMax: 1_000_000,
      slots: undefined,
      pass: (bytes) => passed.push(bytes),
      unblocked: () => undefined,
    });
    for (let at = 0; at < masked.length; at += 65_535) gate.take(masked.subarray(at, at + 65_535));
    expect(passed).toHaveLength(1);
    expect(passed[0]?.equals(frame(text))).toBe(true);
  });

  test('a message without memory is refused, and closing the gate frees everything', () => {
    memory.hold(250_000);
    const large = frame('x'.repeat(90_000));
    expect(() => gate.take(large.subarray(0, 80_000))).toThrow(ProtocolError);
    gate.close();
    expect(memory.heldBytes).toBe(250_000);
    gate.take(large);
    expect(passed).toEqual([]);
  });

  test('nothing passes after a close frame', () => {
    gate.take(frame('x'.repeat(100), { isFinal: false }));
    gate.take(Buffer.concat([frame(Buffer.from([3, 0xe8]), { opcode: 8 }), frame('late')]));
    expect(passed).toEqual([frame(Buffer.from([3, 0xe8]), { opcode: 8 })]);
    expect(memory.heldBytes).toBe(0);
  });

  test.each([
    ['a message that is declared too large', [frame('', { declaredBytes: 100_001 })], 1009],
    ['a length beyond the numbers', [frame('', { declaredBytes: 2 ** 53 })], 1009],
    [
      'frames that are too large together',
      [
        frame('x'.repeat(60_000), { isFinal: false }),
        frame('', { opcode: 0, declaredBytes: 40_001 }),
      ],
      1009,
    ],
    ['a continuation of nothing', [frame('x', { opcode: 0 })], 1002],
    ['a message within another', [frame('x', { isFinal: false }), frame('y')], 1002],
    ['an unknown opcode', [frame('x', { opcode: 3 })], 1002],
    ['compression that was not negotiated', [frame('x', { isCompressed: true })], 1002],
    ['a ping in parts', [frame('x', { opcode: 9, isFinal: false })], 1002],
    ['a ping that is too large', [frame('x'.repeat(126), { opcode: 9 })], 1002],
    ['a frame without a mask', [Buffer.from([0x81, 1, 0x78])], 1002],
    [
      'too many frames',
      [
        frame('x', { isFinal: false }),
        ...Array.from({ length: 16_384 }, () => frame('x', { opcode: 0, isFinal: false })),
      ],
      1008,
    ],
  ])('ws gets the bytes that it needs to refuse %s', async (_, frames, code) => {
    for (const each of frames) gate.take(each);
    gate.take(frame('more'));
    expect(memory.heldBytes).toBe(0);
    expect(await codeOf(passed)).toBe(code);
  });

  test('a compressed message is counted until it is decompressed, and holds back the bytes after it', () => {
    const slots = new UnpackingSlots(1);
    gate = gateWith(slots);
    const other = gateWith(slots);
    const compressed = frame('x'.repeat(1000), { isCompressed: true });
    gate.take(Buffer.concat([compressed, frame('behind'), compressed]));
    expect([passed.length, gate.isBlocked]).toEqual([1, true]);
    expect(memory.heldBytes).toBeGreaterThanOrEqual(2 * compressed.length);
    other.take(compressed);
    expect([passed.length, other.isBlocked]).toEqual([1, true]);
    // The other connection gets its turn before the second message of this one.
    gate.messageTaken();
    expect(Buffer.concat(passed.slice(1))).toEqual(Buffer.concat([compressed, frame('behind')]));
    other.messageTaken();
    expect(passed).toHaveLength(4);
    gate.messageTaken();
    expect([gate.isBlocked, other.isBlocked, memory.heldBytes]).toEqual([false, false, 0]);
  });

  test('a closed gate passes its turn to decompress to others', () => {
    const slots = new UnpackingSlots(1);
    const [first, second, third] = [gateWith(slots), gateWith(slots), gateWith(slots)];
    for (const each of [first, second, third]) each.take(frame('x', { isCompressed: true }));
    second.close();
    first.close();
    expect(passed).toHaveLength(2);
    third.messageTaken();
    expect(memory.heldBytes).toBe(0);
  });

  test('ws reads the same from passed bytes as from received ones, cut anywhere', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyFrame, { maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 }),
        async (frames, cuts) => {
          passed = [];
          gate = gateWith();
          const bytes = Buffer.concat(frames);
          const pieces = cut(bytes, cuts);
          for (const piece of pieces) gate.take(piece);
          gate.close();
          expect(memory.heldBytes).toBe(0);
          expect(await read(passed)).toEqual(await read(pieces));
        },
      ),
      { numRuns: 300 },
    );
  });
});

const anyFrame = fc
  .record({
    opcode: fc.constantFrom(0, 1, 1, 1, 2, 3, 8, 9, 10),
    isFinal: fc.boolean(),
    sizeBytes: fc.constantFrom(0, 1, 2, 125, 126, 300, 1000),
  })
  .map(({ opcode, isFinal, sizeBytes }) =>
    frame(Buffer.alloc(sizeBytes, 'x'), { opcode, isFinal }),
  );

function cut(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0, index = 0; at < bytes.length; index += 1) {
    const length = cuts[index % cuts.length] as number;
    pieces.push(bytes.subarray(at, at + length));
    at += length;
  }
  return pieces;
}

interface Read {
  readonly messages: readonly string[];
  readonly pings: number;
  readonly ending: string | undefined;
}

/** Returns what ws reads from the pieces: messages, pings and the ending. */
async function read(pieces: readonly Buffer[]): Promise<Read> {
  const receiver = new Receiver({
    isServer: true,
    maxPayload: MESSAGE_BYTES_MAX,
    maxFragments: 16_384,
  });
  const messages: string[] = [];
  let pings = 0;
  let ending: string | undefined;
  receiver.on('message', (data: Buffer, isBinary: boolean) => {
    messages.push(`${isBinary}:${data.toString()}`);
  });
  receiver.on('ping', () => {
    pings += 1;
  });
  receiver.on('conclude', (code: number) => {
    ending = `closed with ${code}`;
  });
  receiver.on('error', (error: Error & { code?: string }) => {
    ending = error.code;
  });
  for (const piece of pieces) {
    if (ending !== undefined) break;
    // ws unmasks in place.
    receiver.write(Buffer.from(piece));
    await new Promise(setImmediate);
  }
  return { messages, pings, ending };
}

/** Returns the close code that ws would send for the pieces. */
async function codeOf(pieces: readonly Buffer[]): Promise<number | undefined> {
  const { ending = '' } = await read(pieces);
  if (/UNSUPPORTED_(MESSAGE|DATA_PAYLOAD)_LENGTH/.test(ending)) return 1009;
  if (ending.includes('BUFFERED')) return 1008;
  return ending.startsWith('WS_ERR') ? 1002 : undefined;
}
