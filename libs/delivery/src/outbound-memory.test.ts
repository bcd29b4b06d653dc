import { describe, expect, test } from 'vitest';
import { FakeClock, FakeScheduler } from '#runtime/testing';
import { type OutboundHolder, OutboundMemory } from './outbound-memory.js';

const BYTES = 1000;
const STALLED_MS = 1000;

/** A client that takes the bytes sent to it when the test says so. */
class Client implements OutboundHolder {
  unreceivedBytes = 0;
  isDropped = false;
  readonly #memory: OutboundMemory;

  constructor(memory: OutboundMemory) {
    this.#memory = memory;
  }

  has(bytes: number): this {
    this.unreceivedBytes = bytes;
    this.#memory.hold(this, bytes);
    return this;
  }

  dropStalled(): void {
    this.isDropped = true;
    this.has(0);
  }
}

function world() {
  const scheduler = new FakeScheduler(new FakeClock());
  const options = { outboundMemoryBytes: BYTES, outboundStalledMs: STALLED_MS };
  return { scheduler, memory: new OutboundMemory(options, scheduler) };
}

describe('the memory of what clients have not taken', () => {
  test('gives a connection as much as is free, so that one slow client takes half', () => {
    const { memory } = world();
    const slow = new Client(memory);
    while (memory.hasRoomFor(slow.unreceivedBytes)) slow.has(slow.unreceivedBytes + 10);
    expect(slow.unreceivedBytes).toBe(BYTES / 2);
    expect(memory.hasRoomFor(0)).toBe(true);
  });

  test('always leaves something for a newcomer, however many clients are slow', () => {
    const { memory } = world();
    const slow = Array.from({ length: 20 }, () => new Client(memory));
    for (let round = 0; round < BYTES; round += 1) {
      for (const client of slow) {
        if (memory.hasRoomFor(client.unreceivedBytes)) client.has(client.unreceivedBytes + 1);
      }
    }
    expect(memory.status().heldBytes).toBeLessThan(BYTES);
    expect(memory.hasRoomFor(0)).toBe(true);
  });

  test('wakes those who wait once others took what they were sent', async () => {
    const { memory, scheduler } = world();
    const slow = new Client(memory).has(BYTES);
    const woken: number[] = [];
    const waiters = [1, 2, 3].map((name) => ({ roomAgain: () => woken.push(name) }));
    for (const waiter of waiters) memory.wait(waiter);
    memory.forget(waiters[1] as never);
    await scheduler.settle();
    expect(woken).toEqual([]);
    slow.has(10);
    await scheduler.settle();
    expect(woken).toEqual([1, 3]);
    expect(memory.status().waiting).toBe(0);
  });

  test('refuses an answer that has no room, and none while nothing is pending', () => {
    const { memory } = world();
    expect(() => memory.assertRoomFor(10 * BYTES)).not.toThrow();
    const slow = new Client(memory).has(600);
    expect(() => memory.assertRoomFor(400)).not.toThrow();
    expect(() => memory.assertRoomFor(401)).toThrow(/SLUICE_OUTBOUND_MEMORY_BYTES/);
    slow.has(0);
    expect(() => memory.assertRoomFor(401)).not.toThrow();
    expect(memory.status().refusedTotal).toBe(1);
  });

  test('drops stalled clients while others wait, and keeps slow ones', async () => {
    const { memory, scheduler } = world();
    const slow = new Client(memory).has(400);
    const stalled = [1, 2, 3].map(() => new Client(memory).has(200));
    memory.wait({ roomAgain: () => undefined });
    for (let look = 0; look < 6; look += 1) {
      slow.unreceivedBytes -= 1;
      await scheduler.advance(STALLED_MS / 4);
    }
    expect(slow.isDropped).toBe(false);
    // 250 bytes had to be freed: the two oldest holders were dropped.
    expect(stalled.map(({ isDropped }) => isDropped)).toEqual([true, true, false]);
    expect(memory.status()).toMatchObject({ heldBytes: 600, waiting: 0, droppedTotal: 2 });
  });

  test('drops nobody while nobody lacks the memory', async () => {
    const { memory, scheduler } = world();
    const stalled = new Client(memory).has(BYTES);
    await scheduler.advance(10 * STALLED_MS);
    expect(stalled.isDropped).toBe(false);
  });
});
