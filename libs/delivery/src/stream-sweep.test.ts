import { beforeEach, describe, expect, it } from 'vitest';
import { FakeClock, FakeScheduler } from '#runtime/testing';
import { StreamSweep, type SweptStream } from './stream-sweep.js';

/** Bytes that the stream of the test sends as a heartbeat. */
const HEARTBEAT_BYTES = 8;
const OPTIONS = { eventHeartbeatMs: 1000, socketStalledTimeoutMs: 10_000 };

/** A connection with a fake client: sent bytes are received at once while the client reads. */
class ReadStream implements SweptStream {
  pendingBytes = 0;
  takenBytes = 0;
  beats = 0;
  isDropped = false;
  isReading = true;

  send(bytes: number): void {
    this.pendingBytes += bytes;
    if (this.isReading) this.take(this.pendingBytes);
  }

  take(bytes: number): void {
    this.pendingBytes -= bytes;
    this.takenBytes += bytes;
  }

  beat(): void {
    this.beats += 1;
    this.send(HEARTBEAT_BYTES);
  }

  drop(): void {
    this.isDropped = true;
  }
}

describe('the sweep of streams', () => {
  let scheduler: FakeScheduler;
  let sweep: StreamSweep;
  let stream: ReadStream;

  beforeEach(() => {
    scheduler = new FakeScheduler(new FakeClock());
    sweep = new StreamSweep(scheduler, OPTIONS);
    stream = new ReadStream();
    sweep.add(stream);
  });

  it('a silent stream gets a heartbeat after an interval, a quarter late at most', async () => {
    await scheduler.advance(999);
    expect(stream.beats).toBe(0);
    await scheduler.advance(251);
    expect(stream.beats).toBe(1);
    await scheduler.advance(12_500);
    expect(stream.beats).toBe(11);
  });

  it('a stream with traffic gets no heartbeat', async () => {
    for (let times = 0; times < 20; times += 1) {
      await scheduler.advance(500);
      stream.send(10);
    }
    expect(stream.beats).toBe(0);
  });

  it('a client that receives none of its waiting bytes is dropped, and only then', async () => {
    stream.isReading = false;
    await scheduler.advance(900);
    stream.send(100);
    await scheduler.advance(9900);
    expect([stream.isDropped, stream.beats]).toEqual([false, 0]);
    await scheduler.advance(500);
    expect(stream.isDropped).toBe(true);
  });

  it('a client that receives a byte now and then is kept', async () => {
    stream.isReading = false;
    stream.send(100);
    for (let times = 0; times < 50; times += 1) {
      await scheduler.advance(9000);
      stream.take(1);
    }
    expect(stream.isDropped).toBe(false);
  });

  it('silence does not count as a stall', async () => {
    sweep = new StreamSweep(scheduler, { eventHeartbeatMs: 60_000, socketStalledTimeoutMs: 1000 });
    sweep.add(stream);
    await scheduler.advance(30_000);
    stream.isReading = false;
    stream.send(100);
    await scheduler.advance(900);
    expect(stream.isDropped).toBe(false);
    await scheduler.advance(600);
    expect(stream.isDropped).toBe(true);
  });

  it('all streams share one timer, and without streams there is none', async () => {
    const others = Array.from({ length: 100 }, () => new ReadStream());
    for (const other of others) sweep.add(other);
    await scheduler.advance(5000);
    expect(scheduler.pendingTimers).toBe(1);
    expect(others.map(({ beats }) => beats)).toEqual(others.map(() => stream.beats));
    for (const each of [stream, ...others]) sweep.delete(each);
    expect(scheduler.pendingTimers).toBe(0);
  });
});
