import { Writable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { FakeClock, FakeScheduler } from '#runtime/testing';
import { OutboundMemory } from './outbound-memory.js';
import { Outbox, OutboxFlusher, type OutboxShared } from './outbox.js';

/** A connection that takes written bytes only when the test says so. */
class SlowConnection extends Writable {
  readonly writes: string[] = [];
  #finish: (() => void) | undefined;

  constructor() {
    super({ highWaterMark: 8 });
  }

  override _write(chunk: Buffer, _coding: string, done: () => void): void {
    this.writes.push(chunk.toString());
    this.#finish = done;
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this.writes.push(chunks.map(({ chunk }) => chunk.toString()).join(''));
    this.#finish = done;
  }

  /** Takes the last write. */
  take(): void {
    const finish = this.#finish;
    this.#finish = undefined;
    finish?.();
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function sharedOf(outboundMemoryBytes = 1024 * 1024): OutboxShared {
  const options = { outboundMemoryBytes, outboundStalledMs: 1000 };
  const outbound = new OutboundMemory(options, new FakeScheduler(new FakeClock()));
  return { flusher: new OutboxFlusher(), outbound };
}

describe('an outbox', () => {
  test('writes what was pushed in a turn at once, in order', async () => {
    const connection = new SlowConnection();
    const outbox = new Outbox(connection, sharedOf(), { bytesMax: 100 });
    for (const text of ['a', 'b', 'c']) outbox.push(Buffer.from(text));
    expect(connection.writes).toEqual([]);
    await turn();
    expect(connection.writes).toEqual(['abc']);
  });

  test('has no room while so much waits, and tells once when it has again', async () => {
    const connection = new SlowConnection();
    let told = 0;
    const onRoom = () => (told += 1);
    const outbox = new Outbox(connection, sharedOf(), { bytesMax: 10, onRoom });
    outbox.push(Buffer.alloc(10));
    expect(outbox.hasRoom()).toBe(false);
    await turn();
    expect(outbox.hasRoom()).toBe(false);
    expect(told).toBe(0);
    connection.take();
    await turn();
    expect(told).toBe(1);
    expect(outbox.hasRoom()).toBe(true);
    expect(outbox.pendingBytes).toBe(0);
  });

  test('has no room while its rate is used up, and tells when the pause is over', async () => {
    const connection = new SlowConnection();
    const scheduler = new FakeScheduler(new FakeClock());
    const charged: number[] = [];
    const quotas = { areSet: true };
    let told = 0;
    const charge = (bytes: number): number => {
      charged.push(bytes);
      return 500;
    };
    const outbox = new Outbox(connection, sharedOf(), {
      bytesMax: 100,
      onRoom: () => (told += 1),
      throttle: { scheduler, quotas, charge },
    });
    outbox.push(Buffer.alloc(3));
    outbox.push(Buffer.alloc(4));
    await turn();
    connection.take();
    expect(charged).toEqual([7]);
    expect(outbox.hasRoom()).toBe(false);
    await scheduler.advance(499);
    expect([told, outbox.hasRoom()]).toEqual([0, false]);
    await scheduler.advance(1);
    expect([told, outbox.hasRoom()]).toEqual([1, true]);
  });

  test('charges what is written only while a quota is set', async () => {
    const connection = new SlowConnection();
    const charged: number[] = [];
    const quotas = { areSet: false };
    const charge = (bytes: number): number => {
      charged.push(bytes);
      return 0;
    };
    const scheduler = new FakeScheduler(new FakeClock());
    const throttle = { scheduler, quotas, charge };
    const outbox = new Outbox(connection, sharedOf(), { bytesMax: 100, throttle });
    for (const [bytes, areSet] of [
      [3, false],
      [4, true],
      [5, false],
    ] as const) {
      quotas.areSet = areSet;
      outbox.push(Buffer.alloc(bytes));
      await turn();
      connection.take();
    }
    expect(connection.writes).toHaveLength(3);
    expect(charged).toEqual([4]);
  });

  test('reports room also when the connection took everything at once', async () => {
    const taken: number[] = [];
    const connection = new Writable({
      highWaterMark: 8,
      write: (chunk: Buffer, _coding, done) => {
        taken.push(chunk.length);
        done();
      },
    });
    let onRoom: () => void = () => undefined;
    const room = new Promise<void>((resolve) => {
      onRoom = resolve;
    });
    const outbox = new Outbox(connection, sharedOf(), { bytesMax: 10, onRoom });
    outbox.push(Buffer.alloc(20));
    expect(outbox.hasRoom()).toBe(false);
    await room;
    expect(taken).toEqual([20]);
  });

  test('reports room also if its bound is below the mark of the stream', async () => {
    const connection = new SlowConnection();
    let told = 0;
    const onRoom = () => (told += 1);
    const outbox = new Outbox(connection, sharedOf(), { bytesMax: 4, onRoom });
    outbox.push(Buffer.alloc(6));
    const hadRoom = outbox.hasRoom();
    await turn();
    connection.take();
    await turn();
    expect(hadRoom || told === 1).toBe(true);
  });

  test('tells nobody who did not ask', async () => {
    const connection = new SlowConnection();
    const onRoom = () => {
      throw new Error('nobody asked');
    };
    const outbox = new Outbox(connection, sharedOf(), { bytesMax: 10, onRoom });
    outbox.push(Buffer.alloc(20));
    await turn();
    connection.take();
    await turn();
    expect(connection.writableLength).toBe(0);
  });

  test('writes nothing after it was closed', async () => {
    const connection = new SlowConnection();
    const outbox = new Outbox(connection, sharedOf(), { bytesMax: 10 });
    outbox.push(Buffer.from('a'));
    outbox.close();
    outbox.push(Buffer.from('b'));
    await turn();
    expect(connection.writes).toEqual([]);
    expect(outbox.pendingBytes).toBe(0);
  });

  test('more outboxes than a slice are all written', async () => {
    const shared = sharedOf();
    const connections = Array.from({ length: 1300 }, () => new SlowConnection());
    for (const connection of connections) {
      new Outbox(connection, shared, { bytesMax: 10 }).push(Buffer.from('a'));
    }
    for (let turns = 0; turns < 4; turns += 1) await turn();
    expect(connections.every(({ writes }) => writes.length === 1)).toBe(true);
  });

  test('counts what the connection has not taken, until it takes it or is gone', async () => {
    const shared = sharedOf();
    const [slow, gone] = [new SlowConnection(), new SlowConnection()];
    for (const connection of [slow, gone]) {
      new Outbox(connection, shared, { bytesMax: 100 }).push(Buffer.alloc(20));
    }
    await turn();
    expect(shared.outbound.status().heldBytes).toBe(40);
    slow.take();
    gone.destroy();
    await turn();
    expect(shared.outbound.status().heldBytes).toBe(0);
  });

  test('counts what was written before it was closed until the connection is gone', async () => {
    const shared = sharedOf();
    const connection = new SlowConnection();
    const outbox = new Outbox(connection, shared, { bytesMax: 100 });
    outbox.push(Buffer.alloc(20));
    outbox.flush();
    outbox.close();
    expect(shared.outbound.status().heldBytes).toBe(20);
    connection.destroy();
    await turn();
    expect(shared.outbound.status().heldBytes).toBe(0);
  });
});
