import { CLIENT_MESSAGES } from '#api';
import { maskedFrame } from '../ws/raw-socket.js';
import type { SeededRandom } from './seeded-random.js';

/** The frames of one connection. */
export interface FrameCase {
  readonly frames: readonly Buffer[];
  /** True if all of them are frames of RFC 6455: then a message after them is understood. */
  readonly isFramed: boolean;
}

const EVENTS = [...Object.keys(CLIENT_MESSAGES), 'records', '__proto__', 'constructor', ''];
const DATA = [
  '{}',
  '{"subscription":"s","topic":"orders","from":"earliest"}',
  '{"subscription":"s","topic":"orders","group":"g","mode":"queue","credit":1}',
  '{"subscription":"s","topics":[{"pattern":".*"}],"group":"g"}',
  '{"topic":"orders","records":[{"value":1}]}',
  '{"topic":"orders","partition":0,"producerId":1,"producerEpoch":0,"producerSequence":0,"producerToken":"x","records":[{"value":1}]}',
  '{"subscription":"s","group":"g","offsets":[{"topic":"orders","partition":0,"offset":0}]}',
  '{"subscription":"s","topic":"orders","partition":0,"offset":0}',
  '{"subscription":"s","records":1}',
  '{"subscription":"s","partitions":[{"topic":"orders","partition":0}]}',
  '{"__proto__":{"isSuperUser":true},"constructor":{"prototype":{"isSuperUser":true}}}',
  '[]',
  '"text"',
  'null',
  '['.repeat(300),
];
const OPCODES = [0, 1, 1, 1, 1, 1, 1, 2, 9, 10, 3, 8];
const LETTERS = '{}[]":,.\\ \u0000\u00e9\ud83dabcdeft0189-_';
const FRAMES_MAX = 12;

/** Generates the frames of one connection; tokens are mutations of the given one. */
export function frameCase(random: SeededRandom, token: string): FrameCase {
  const isFramed = !random.oneIn(5);
  const frames = Array.from({ length: 1 + random.below(FRAMES_MAX) }, () => {
    const frame = oneFrame(random, message(random, token));
    return isFramed ? frame : mutatedBytes(frame, random);
  });
  return { frames, isFramed };
}

function oneFrame(random: SeededRandom, text: string): Buffer {
  if (!random.oneIn(6)) return maskedFrame(Buffer.from(text));
  // A control frame has at most 125 bytes.
  const opcode = random.pick(OPCODES);
  const payload = Buffer.from(text).subarray(0, opcode >= 8 ? 125 : undefined);
  return maskedFrame(payload, { opcode, fin: !random.oneIn(4) });
}

function message(random: SeededRandom, token: string): string {
  const presented = JSON.stringify(mutatedText(token, random));
  const data = random.oneIn(3) ? `{"token":${presented}}` : random.pick(DATA);
  const event = JSON.stringify(random.oneIn(3) ? 'authenticate' : random.pick(EVENTS));
  const id = random.pick(['', ',"id":1', ',"id":"x"', ',"id":null', ',"id":{}', ',"id":1e99']);
  const twice = random.oneIn(8) ? `,"event":"publish","data":${random.pick(DATA)}` : '';
  const text = `{"event":${event}${id},"data":${data}${twice}}`;
  return random.oneIn(3) ? mutatedText(text, random) : text;
}

/** Replaces, drops, repeats or inserts characters. */
function mutatedText(text: string, random: SeededRandom): string {
  let result = text;
  for (let left = 1 + random.below(3); left > 0; left -= 1) {
    const at = random.below(result.length + 1);
    const end = Math.min(result.length, at + random.below(4));
    const letter = LETTERS[random.below(LETTERS.length)] ?? '';
    result = random.pick([
      () => result.slice(0, at) + letter + result.slice(at + 1),
      () => result.slice(0, at) + result.slice(end),
      () => result.slice(0, end) + result.slice(at),
      () => result.slice(0, at) + letter + result.slice(at),
    ])();
  }
  return result;
}

/** Changes bytes of a frame, also of its head: lengths, masks, opcodes. */
function mutatedBytes(frame: Buffer, random: SeededRandom): Buffer {
  const changed = Buffer.from(frame);
  const headBytes = Math.min(changed.length, 10);
  changed[random.below(headBytes)] = random.below(256);
  if (random.oneIn(2)) changed[random.below(changed.length)] = random.below(256);
  return random.oneIn(4) ? changed.subarray(0, random.below(changed.length)) : changed;
}
