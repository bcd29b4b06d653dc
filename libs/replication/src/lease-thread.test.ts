import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  brokerDied,
  type CoordinationStore,
  createTopic,
  type PartitionMetadata,
  type Registrant,
  registerBroker,
} from '#coordination';
import { FakeCoordination } from '#coordination/testing';
import { type Scheduler, silentLogger } from '#runtime';
import { FakeClock, FakeDisk, FakeEventLoop, FakeScheduler, SeededRandom } from '#runtime/testing';
import { Controller } from './controller.js';
import { Membership } from './membership.js';

const LEASE_MS = 3000;
const SILENCE_MAX_MS = 20_000;
/** Sign of life, renewal and look of the controller, each as late as it may be. */
const SLACK_MS = 3000;
const BUSY = 1;
const OTHER = 2;

describe('a member whose lease is renewed from a thread', () => {
  let world: World;

  beforeEach(async () => {
    world = await World.open();
  });

  afterEach(() => world.close());

  it('keeps its leaderships while its event loop is busy for several leases', async () => {
    world.becomeBusy();
    await world.advance(5 * LEASE_MS);
    expect(world.coordination.state.brokers.get(BUSY)?.alive).toBe(true);
    expect(world.partition).toMatchObject({ leader: BUSY, leaderEpoch: 0 });
    world.becomeFree();
    await world.advance(SLACK_MS);
    expect(world.membership(BUSY).leaseRenewals).toMatchObject({ failed: 0, withheld: 0 });
    expect(world.partition).toMatchObject({ leader: BUSY, leaderEpoch: 0 });
  });

  it('does not count on its lease until its loop knows the metadata again', async () => {
    const isLeaseValid = (): boolean => world.membership(BUSY).isLeaseValid;
    world.becomeBusy();
    const topic = { name: 'made', id: 'made', configs: {}, assignment: [[OTHER]] };
    const created = world.store(OTHER).update((state) => createTopic(state, topic, world.random));
    await world.advance(2 * LEASE_MS);
    await created;
    // The loop hears from the thread that the lease is renewed, and cannot read what was decided.
    world.coordination.pause();
    world.becomeFree();
    await world.advance(LEASE_MS / 4);
    expect(isLeaseValid()).toBe(false);
    world.coordination.resume();
    await world.advance(LEASE_MS / 4);
    expect(isLeaseValid()).toBe(true);
  });

  it('is replaced when its event loop is silent for longer than the bound', async () => {
    world.becomeBusy();
    await world.advance(SILENCE_MAX_MS - SLACK_MS);
    expect(world.partition.leader).toBe(BUSY);
    await world.advance(2 * SLACK_MS + LEASE_MS);
    expect(world.partition.leader).toBe(OTHER);
    expect(world.membership(BUSY).leaseRenewals.withheld).toBeGreaterThan(0);
    const { brokerEpoch } = world.membership(BUSY);
    world.becomeFree();
    await world.advance(LEASE_MS);
    expect(world.membership(BUSY).brokerEpoch).toBeGreaterThan(brokerEpoch);
    expect(world.membership(BUSY).isLeaseValid).toBe(true);
  });

  it('sends no renewal after it has withdrawn', async () => {
    const withdrawn = world.membership(BUSY).withdraw();
    await world.advance(10);
    await withdrawn;
    const { sent } = world.membership(BUSY).leaseRenewals;
    await world.advance(2 * LEASE_MS);
    expect(world.membership(BUSY).leaseRenewals.sent).toBe(sent);
  });

  it('sends no renewal after another process has its broker id', async () => {
    const registered = world
      .store(OTHER)
      .update((state) => registerBroker(state, registrant(BUSY, world.store(BUSY)), world.random));
    await world.advance(10);
    await registered;
    expect(world.fenced).toEqual([BUSY]);
    const { sent } = world.membership(BUSY).leaseRenewals;
    await world.advance(2 * LEASE_MS);
    expect(world.membership(BUSY).leaseRenewals.sent).toBe(sent);
  });

  it('is refused a renewal for a broker epoch that was declared dead meanwhile', async () => {
    world.becomeBusy();
    const { brokerEpoch } = world.membership(BUSY);
    const declared = world
      .store(OTHER)
      .update((state) => brokerDied(state, { id: BUSY, brokerEpoch }, world.random));
    await world.advance(10);
    await declared;
    const before = (await world.store(OTHER).leases(1000)).get(BUSY);
    await world.advance(2 * LEASE_MS);
    expect((await world.store(OTHER).leases(1000)).get(BUSY)).toBe(before);
    expect(world.membership(BUSY).leaseRenewals.failed).toBeGreaterThan(0);
  });

  it('renews from its event loop while the thread cannot', async () => {
    world.isThreadCutOff = true;
    await world.advance(5 * LEASE_MS);
    expect(world.membership(BUSY).isLeaseValid).toBe(true);
    expect(world.coordination.state.brokers.get(BUSY)?.alive).toBe(true);
  });
});

/** Two brokers on fake time. The first leads a topic, and its event loop can be made busy. */
class World {
  readonly clock = new FakeClock();
  readonly scheduler = new FakeScheduler(this.clock);
  readonly random = new SeededRandom(3);
  /** The event loop of the first broker. */
  readonly loop = new FakeEventLoop(this.scheduler);
  readonly coordination = new FakeCoordination({
    clock: this.clock,
    scheduler: this.scheduler,
    random: this.random,
    leaseMs: LEASE_MS,
  });
  readonly fenced: number[] = [];
  isThreadCutOff = false;
  readonly #stores = new Map<number, CoordinationStore>();
  readonly #controllers: Controller[] = [];
  readonly #memberships = new Map<number, Membership>();

  static async open(): Promise<World> {
    const world = new World();
    for (const [id, loop] of [
      [BUSY, world.loop],
      [OTHER, world.scheduler],
    ] as const) {
      world.#memberships.set(id, await world.#join(id, loop));
    }
    const topic = { name: 'events', id: 'events', configs: {}, assignment: [[BUSY, OTHER]] };
    const created = world.store(BUSY).update((state) => createTopic(state, topic, world.random));
    await world.advance(10);
    await created;
    return world;
  }

  get partition(): PartitionMetadata {
    const partition = this.coordination.state.topics.get('events')?.partitions[0];
    if (partition === undefined) throw new Error('there is no such topic');
    return partition;
  }

  store(id: number): CoordinationStore {
    return present(this.#stores.get(id));
  }

  membership(id: number): Membership {
    return present(this.#memberships.get(id));
  }

  /** Starts a process of a broker, as a member and controller. */
  async #join(brokerId: number, loop: Scheduler): Promise<Membership> {
    const { clock, random } = this;
    const store = await this.#whileTimePasses(
      this.coordination.open({
        brokerId,
        fileSystem: new FakeDisk().mount(),
        dataDir: '/data',
        ...(loop instanceof FakeEventLoop && {
          leaseThread: {
            loop,
            loopSilenceMaxMs: SILENCE_MAX_MS,
            isCutOff: () => this.isThreadCutOff,
          },
        }),
      }),
    );
    this.#stores.set(brokerId, store);
    const ports = { store, clock, random, scheduler: loop, logger: silentLogger };
    const membership = await this.#whileTimePasses(
      Membership.join({
        ...ports,
        brokerId,
        leaseMs: LEASE_MS,
        registrant: () => registrant(brokerId, store),
        onFenced: () => this.fenced.push(brokerId),
      }),
    );
    const limits = { leaseMs: LEASE_MS, preferredLeaderIntervalMs: 0 };
    this.#controllers.push(new Controller({ ...ports, ...limits, brokerId }));
    return membership;
  }

  /** The event loop of the first broker runs one task, and hears of nothing meanwhile. */
  becomeBusy(): void {
    this.coordination.holdNotifications(BUSY);
    this.loop.becomeBusy();
  }

  becomeFree(): void {
    this.loop.becomeFree();
    this.coordination.releaseNotifications(BUSY);
  }

  advance(ms: number): Promise<void> {
    return this.scheduler.advance(ms);
  }

  async close(): Promise<void> {
    this.becomeFree();
    for (const membership of this.#memberships.values()) membership.close();
    const stopped = this.#controllers.map((controller) => controller.stop());
    await this.advance(LEASE_MS);
    await Promise.all(stopped);
  }

  /** The outcome of a promise while time passes. */
  async #whileTimePasses<T>(promise: Promise<T>): Promise<T> {
    await this.advance(3 * LEASE_MS);
    return promise;
  }
}

function registrant(id: number, { dataDirUuid }: CoordinationStore): Registrant {
  return { id, url: null, clusterUrl: `http://broker-${id}`, rack: null, dataDirUuid };
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('there is no such broker');
  return value;
}
