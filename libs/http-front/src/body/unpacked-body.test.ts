import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import { brotliCompressSync, constants } from 'node:zlib';
import { expect, test } from 'vitest';
import { HeldMemory, type MemoryBudget } from '#runtime';
import { requestMemory } from '../request-memory.js';
import { unpackedBody } from './unpacked-body.js';

const KIB = 1024;
const BODY = randomBytes(512 * KIB);
const PACKED = brotliCompressSync(BODY, {
  params: { [constants.BROTLI_PARAM_QUALITY]: 1, [constants.BROTLI_PARAM_LGWIN]: 22 },
});

test('a brotli body whose window needs more memory than there is ends with an error', async () => {
  const { memory, errors, closed } = unpacking(256 * KIB);
  await closed;
  expect(errors).toMatchObject([{ code: 'BUFFER_EXHAUSTED' }]);
  expect(memory.heldBytes).toBe(0);
});

test('the window of a brotli body is counted until the body has been read', async () => {
  const { memory, errors, closed, heldBytes } = unpacking(1024 * KIB);
  await closed;
  expect(errors).toEqual([]);
  expect(Math.max(...heldBytes)).toBeGreaterThan(BODY.length);
  expect(memory.heldBytes).toBe(0);
});

/** A body that is read while its memory is watched. */
interface Unpacking {
  readonly memory: MemoryBudget;
  readonly errors: unknown[];
  /** Bytes that are held whenever a piece of the body has been read. */
  readonly heldBytes: number[];
  readonly closed: Promise<void>;
}

function unpacking(memoryBytes: number): Unpacking {
  const memory = requestMemory(memoryBytes);
  const errors: unknown[] = [];
  const heldBytes: number[] = [];
  const request = new PassThrough();
  const source = {
    request: request as unknown as IncomingMessage,
    response: new EventEmitter() as ServerResponse,
    memory: new HeldMemory(memory),
  };
  const unpacked = unpackedBody(source, 'br', (error) => errors.push(error));
  unpacked.on('data', () => heldBytes.push(memory.heldBytes));
  const closed = new Promise<void>((resolve) => unpacked.once('close', resolve));
  request.end(PACKED);
  return { memory, errors, heldBytes, closed };
}
