import { describe, expect, test } from 'vitest';
import { FakeClock, FakeScheduler } from '#runtime/testing';
import { type ConnectionObservation, Liveness, type LivenessVerdict } from './liveness.js';
import { SocketWatch, type WatchedConnection } from './socket-watch.js';

const INTERVAL_MS = 1000;
const STALLED_MS = 60_000;
const PING_BYTES = 8;

/** A connection that the watch itself checks, with a fake clock. */
class Peer implements WatchedConnection {
  readonly verdicts: LivenessVerdict[] = [];
  readonly #liveness: Liveness;
  /** True if it answers each ping as soon as it has read everything before it. */
  answers = true;
  isPaused = false;
  receivedBytes = 0;
  writtenBytes = 0;
  pendingBytes = 0;
  /** Bytes that the system has accepted and the client has not read. */
  systemBytes = 0;
  dropped: string | undefined;
  #pingAt: number | undefined;

  constructor(clock: FakeClock) {
    this.#liveness = new Liveness(clock.monotonicMs(), STALLED_MS);
  }

  sight(): ConnectionObservation {
    const { receivedBytes, writtenBytes, pendingBytes, isPaused } = this;
    return { receivedBytes, writtenBytes, pendingBytes, isPaused };
  }

  judge(seen: ConnectionObservation, nowMs: number): LivenessVerdict {
    const verdict = this.#liveness.judge(seen, nowMs);
    this.verdicts.push(verdict);
    return verdict;
  }

  ping(): void {
    this.#pingAt = this.writtenBytes;
    this.writtenBytes += PING_BYTES;
    this.read();
  }

  drop(verdict: 'dead' | 'stalled'): void {
    this.dropped ??= verdict;
  }

  /** Writes records; `pendingBytes` of them are not accepted by the system. */
  write(bytes: number, pendingBytes = 0): void {
    this.writtenBytes += bytes;
    this.pendingBytes = pendingBytes;
    this.systemBytes += bytes - pendingBytes;
  }

  /** Reads everything that the system has, and answers the ping after it. */
  read(): void {
    const isRead = this.systemBytes === 0 && this.pendingBytes === 0;
    if (this.#pingAt === undefined || !isRead || !this.answers) return;
    const position = this.#pingAt;
    this.#pingAt = undefined;
    this.receivedBytes += 12;
    this.#liveness.ponged(position);
  }
}

function watched(): { peer: Peer; pass: (intervals: number) => Promise<void> } {
  const clock = new FakeClock();
  const scheduler = new FakeScheduler(clock);
  const watch = new SocketWatch({ clock, scheduler, intervalMs: INTERVAL_MS });
  const peer = new Peer(clock);
  watch.add(peer);
  return { peer, pass: (intervals) => scheduler.advance(intervals * INTERVAL_MS) };
}

describe('liveness of a connection', () => {
  test('a connection that answers its pings stays, and is pinged again', async () => {
    const { peer, pass } = watched();
    await pass(20);
    expect(peer.dropped).toBeUndefined();
    expect(peer.verdicts).toEqual(Array.from({ length: 20 }, () => 'ping'));
  });

  test('a connection that is silent after all records is dead after two intervals', async () => {
    const { peer, pass } = watched();
    peer.answers = false;
    await pass(2);
    expect(peer.dropped).toBeUndefined();
    await pass(1);
    expect(peer.dropped).toBe('dead');
    expect(peer.verdicts).toEqual(['ping', 'alive', 'dead']);
  });

  test('a connection that answers no ping but sends messages is alive', async () => {
    const { peer, pass } = watched();
    peer.answers = false;
    for (let interval = 0; interval < 20; interval += 1) {
      peer.receivedBytes += 10;
      await pass(1);
    }
    expect(peer.dropped).toBeUndefined();
  });

  test('a paused connection is not judged', async () => {
    const { peer, pass } = watched();
    peer.answers = false;
    await pass(1);
    peer.isPaused = true;
    await pass(20);
    expect(peer.dropped).toBeUndefined();
    peer.isPaused = false;
    await pass(2);
    expect(peer.dropped).toBe('dead');
  });

  test('a connection with pending bytes is not judged by its pong', async () => {
    const { peer, pass } = watched();
    peer.write(1_000_000, 200_000);
    await pass(STALLED_MS / INTERVAL_MS - 1);
    expect(peer.dropped).toBeUndefined();
    await pass(2);
    expect(peer.dropped).toBe('stalled');
  });

  test('a connection that receives a byte now and then is never dropped', async () => {
    const { peer, pass } = watched();
    peer.write(1_000_000, 200_000);
    for (let round = 0; round < 10; round += 1) {
      await pass(STALLED_MS / INTERVAL_MS - 1);
      peer.pendingBytes -= 1;
    }
    expect(peer.dropped).toBeUndefined();
  });

  test("a connection with records in the system's buffers is not judged by its pong", async () => {
    const { peer, pass } = watched();
    peer.write(100_000);
    peer.answers = false;
    await pass(30);
    expect(peer.dropped).toBeUndefined();
    // The client reads at last, and answers.
    peer.answers = true;
    peer.systemBytes = 0;
    peer.read();
    await pass(5);
    expect(peer.dropped).toBeUndefined();
    expect(peer.verdicts.at(-1)).toBe('ping');
    // The client has received everything from here on, so silence means that it is dead.
    peer.answers = false;
    await pass(4);
    expect(peer.dropped).toBe('dead');
  });

  test('a connection with records buffered by the system that never makes progress is dropped after the long timeout', async () => {
    const { peer, pass } = watched();
    peer.write(100_000);
    peer.answers = false;
    await pass(STALLED_MS / INTERVAL_MS + 3);
    expect(peer.dropped).toBe('stalled');
  });

  test('a few unread bytes do not prevent a ping', async () => {
    const { peer, pass } = watched();
    peer.write(1000);
    peer.answers = false;
    await pass(3);
    expect(peer.dropped).toBe('dead');
  });
});

describe('the watch', () => {
  test('it checks each of many connections once per interval, with one timer', async () => {
    const clock = new FakeClock();
    const scheduler = new FakeScheduler(clock);
    const watch = new SocketWatch({ clock, scheduler, intervalMs: INTERVAL_MS });
    const peers = Array.from({ length: 100 }, () => new Peer(clock));
    for (const peer of peers) watch.add(peer);
    expect(scheduler.pendingTimers).toBe(1);
    await scheduler.advance(3 * INTERVAL_MS);
    expect(peers.map(({ verdicts }) => verdicts.length)).toEqual(peers.map(() => 3));
    for (const peer of peers) watch.remove(peer);
    await scheduler.advance(INTERVAL_MS);
    expect(peers.map(({ verdicts }) => verdicts.length)).toEqual(peers.map(() => 3));
    watch.close();
    expect(scheduler.pendingTimers).toBe(0);
  });
});
