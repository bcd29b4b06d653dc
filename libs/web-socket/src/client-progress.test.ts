import { describe, expect, test } from 'vitest';
import { ClientProgress } from './client-progress.js';
import type { ConnectionObservation } from './liveness.js';

const QUIET: ConnectionObservation = {
  receivedBytes: 0,
  writtenBytes: 0,
  pendingBytes: 0,
  isPaused: false,
};

/** Returns for each look whether it found a sign of life. */
function signs(looks: readonly Partial<ConnectionObservation>[]): boolean[] {
  const progress = new ClientProgress();
  let before = progress.look(QUIET);
  return looks.map((look) => {
    const now = progress.look({ ...QUIET, ...look });
    const isAlive = now > before;
    before = now;
    return isAlive;
  });
}

describe('the progress of a client', () => {
  test('bytes that it sends are a sign of life, once', () => {
    expect(signs([{ receivedBytes: 5 }, { receivedBytes: 5 }])).toEqual([true, false]);
  });

  test('bytes that only the system accepts are none', () => {
    expect(signs([{ writtenBytes: 1000 }, { writtenBytes: 500_000 }])).toEqual([false, false]);
  });

  test('bytes that had to wait and are accepted now are one', () => {
    const looks = [
      { writtenBytes: 900, pendingBytes: 500 },
      { writtenBytes: 900, pendingBytes: 400 },
      { writtenBytes: 1000, pendingBytes: 500 },
      { writtenBytes: 1000, pendingBytes: 0 },
      { writtenBytes: 2000, pendingBytes: 0 },
    ];
    expect(signs(looks)).toEqual([false, true, false, true, false]);
  });

  test('a client that the gateway does not read is alive, unless it does not read either', () => {
    const unread = { writtenBytes: 900, pendingBytes: 500, isPaused: true };
    expect(signs([{ isPaused: true }, unread, unread])).toEqual([true, false, false]);
  });
});
