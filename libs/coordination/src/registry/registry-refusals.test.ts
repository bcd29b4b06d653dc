import { describe, expect, it } from 'vitest';
import { silentLogger } from '#runtime';
import { FakeClock, FakeDisk, FakeEventLoop, FakeScheduler, SeededRandom } from '#runtime/testing';
import type { CoordinationStore } from '../coordination-store.js';
import { registerTestBroker } from '../testing/conformance.js';
import { FakeCoordination } from '../testing/fake-coordination.js';

const INTERVAL_MS = 100;
const OUT_OF_MEMORY = "OOM command not allowed when used memory > 'maxmemory'.";

describe('a registry that refuses writes', () => {
  it('is named by the renewals of the lease thread, until it accepts one', async () => {
    const { coordination, store, scheduler, renewed } = await renewedByThread();
    await scheduler.advance(INTERVAL_MS);
    const before = renewed.length;
    coordination.refuseWrites(OUT_OF_MEMORY);
    // The event loop relies on the last renewal of the thread for longer than this.
    await scheduler.advance(INTERVAL_MS);
    expect(store.fault).toMatchObject({ reason: 'out-of-memory' });
    expect(renewed).toHaveLength(before);
    coordination.refuseWrites(undefined);
    await scheduler.advance(INTERVAL_MS);
    expect(store.fault).toBeUndefined();
    expect(renewed.length).toBeGreaterThan(before);
  });
});

describe('a data directory', () => {
  it('is not opened on a registry with another cluster of the same name', async () => {
    const disk = new FakeDisk();
    await new World(1).open(0, disk);
    const other = new World(2);
    await other.open(1, new FakeDisk());
    await expect(other.open(0, disk)).rejects.toThrow(
      /^\/data belongs to another cluster "sluice" \(/,
    );
  });
});

/** A broker whose lease a thread renews, and the times of the renewals that it relies on. */
async function renewedByThread() {
  const world = new World(1);
  const { coordination, clock, scheduler } = world;
  const store = await world.open(0, new FakeDisk());
  await registerTestBroker(store, 0);
  const renewed: number[] = [];
  const renewer = store.leaseRenewer({
    intervalMs: INTERVAL_MS,
    onRenewed: (_, sentMs) => renewed.push(sentMs),
    clock,
    scheduler,
    logger: silentLogger,
  });
  renewer.renew({ brokerId: 0, brokerEpoch: store.state.brokers.get(0)?.brokerEpoch ?? 0 });
  return { coordination, store, scheduler, renewed };
}

/** A registry of its own, which is empty at first. */
class World {
  readonly clock = new FakeClock();
  readonly scheduler = new FakeScheduler(this.clock);
  readonly coordination: FakeCoordination;

  /** @param seed determines the id of the cluster */
  constructor(seed: number) {
    const { clock, scheduler } = this;
    const random = new SeededRandom(seed);
    this.coordination = new FakeCoordination({ clock, scheduler, random, leaseMs: 3000 });
  }

  async open(brokerId: number, disk: FakeDisk): Promise<CoordinationStore> {
    const { scheduler } = this;
    const loop = new FakeEventLoop(scheduler);
    const opening = this.coordination.open({
      brokerId,
      fileSystem: disk.mount(),
      dataDir: '/data',
      leaseThread: { loop, loopSilenceMaxMs: 1000 },
    });
    // An empty registry is founded after one lease.
    await Promise.all([opening.catch(() => undefined), scheduler.advance(4000)]);
    return opening;
  }
}
