/**
 * A system call may transfer fewer bytes than asked for: because of a signal, a quota or a network
 * disk.
 */
import nodeFs from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { NodeFileSystem } from './node-file-system.js';

/** Most bytes that one system call transfers. */
const limits = { callBytesMax: Number.POSITIVE_INFINITY };

type Done = (error: NodeJS.ErrnoException | null, count: number) => void;
type Move = (
  descriptor: number,
  bytes: Uint8Array,
  start: number,
  length: number,
  position: number,
  callback: Done,
) => void;

interface SystemCalls {
  readonly read: Move;
  readonly write: Move;
  readonly writev: (
    descriptor: number,
    buffers: Uint8Array[],
    position: number,
    callback: Done,
  ) => void;
}

const { read, write, writev } = nodeFs as unknown as SystemCalls;
const systemCalls: SystemCalls = { read, write, writev };

const fileSystem = new NodeFileSystem();
let directory: string;

beforeEach(async () => {
  replaceCalls(shortCalls());
  directory = await mkdtemp(join(tmpdir(), 'sluice-short-io-'));
});

afterEach(async () => {
  replaceCalls(systemCalls);
  await rm(directory, { recursive: true });
});

it('further calls continue a short read or write until all bytes are transferred', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 12 }), { maxLength: 8 }),
      fc.integer({ min: 1, max: 20 }),
      async (buffers, callBytesMax) => {
        limits.callBytesMax = callBytesMax;
        const bytes = Buffer.concat(buffers);
        const file = await fileSystem.open(join(directory, 'a.log'), 'create');
        await file.truncate(0);
        await file.writev(buffers, 5);
        const target = Buffer.alloc(bytes.length + 9, '.');
        expect(await file.read(target, 2, bytes.length + 7, 5)).toBe(bytes.length);
        expect(target.subarray(2, 2 + bytes.length)).toStrictEqual(bytes);
        await file.close();
      },
    ),
  );
});

it('a write that takes no bytes and reports no error is rejected with EIO', async () => {
  limits.callBytesMax = 0;
  const file = await fileSystem.open(join(directory, 'b.log'), 'create');
  await expect(file.writev([Buffer.from('x')], 0)).rejects.toMatchObject({ code: 'EIO' });
  await file.close();
});

/** The system calls, limited to `limits.callBytesMax` bytes each. */
function shortCalls(): SystemCalls {
  const short = (length: number) => Math.min(length, limits.callBytesMax);
  const limited =
    (move: Move): Move =>
    (descriptor, bytes, start, length, position, callback) => {
      move(descriptor, bytes, start, short(length), position, callback);
    };
  return {
    read: limited(read),
    write: limited(write),
    writev: (descriptor, buffers, position, callback) => {
      const all = Buffer.concat(buffers);
      write(descriptor, all, 0, short(all.length), position, callback);
    },
  };
}

/** Replaces these calls for every module that imported them from `node:fs`. */
function replaceCalls(calls: SystemCalls): void {
  Object.assign(nodeFs, calls);
  syncBuiltinESMExports();
}
