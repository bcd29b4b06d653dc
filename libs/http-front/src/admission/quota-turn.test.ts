import { describe, expect, it } from 'vitest';
import { ProtocolError } from '#protocol';
import { FakeClock, FakeScheduler } from '#runtime/testing';
import type { Exchange } from '../exchange.js';
import { inQuota } from './quota-turn.js';

const REFUSAL = new ProtocolError('POLICY_VIOLATION', 'No.');
const WAIT_MS = 500;

describe('a task of a caller with a quota', () => {
  it('is done at once while the quota has room, and throws its error', () => {
    const world = new World(0);
    expect(() => world.run(refuse)).toThrow(REFUSAL);
    expect(world.failures).toEqual([]);
  });

  it('waits for its turn, and has its error answered then', async () => {
    const world = new World(WAIT_MS);
    world.run(refuse);
    await world.scheduler.advance(WAIT_MS - 1);
    expect(world.failures).toEqual([]);
    await world.scheduler.advance(1);
    expect(world.failures).toEqual([REFUSAL]);
  });

  it('is not done for a client that is gone by then', async () => {
    const world = new World(WAIT_MS);
    world.run(refuse);
    world.leave();
    await world.scheduler.advance(WAIT_MS);
    expect(world.failures).toEqual([]);
  });
});

function refuse(): never {
  throw REFUSAL;
}

/** One request of a caller whose quota makes it wait. */
class World {
  readonly scheduler = new FakeScheduler(new FakeClock());
  /** Errors that were answered. */
  readonly failures: unknown[] = [];
  readonly #exchange;

  constructor(waitMs: number) {
    const access = { caller: { principal: 'key:k1' } };
    this.#exchange = {
      context: { scheduler: this.scheduler, security: { quotas: { take: () => waitMs } } },
      access,
      admittedUse: { access, found: undefined },
      isGone: false,
      fail: (error: unknown) => this.failures.push(error),
    };
  }

  leave(): void {
    this.#exchange.isGone = true;
  }

  run(task: () => void): void {
    inQuota(this.#exchange as unknown as Exchange, 'producer_byte_rate', 1, task);
  }
}
