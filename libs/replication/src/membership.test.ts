import { describe, expect, it } from 'vitest';
import {
  type ClusterState,
  type CoordinationStore,
  createTopic,
  type PartitionMetadata,
  type Registrant,
} from '#coordination';
import { FakeCoordination } from '#coordination/testing';
import { ProtocolError } from '#protocol';
import { type Scheduler, silentLogger, type Timer } from '#runtime';
import { FakeClock, FakeDisk, FakeScheduler, SeededRandom } from '#runtime/testing';
import { Controller } from './controller.js';
import { Membership } from './membership.js';

const LEASE_MS = 3000;

describe('members of a cluster', () => {
  it('elect a controller, which declares silent brokers dead and elects leaders', async () => {
    const world = await World.of(1, 2, 3);
    const active = [1, 2, 3].filter((id) => world.member(id).controller.isActive);
    expect(active).toEqual([world.state.controller?.id]);
    await world.createTopic([2, 1, 3]);
    world.vanish(2);
    await world.advance(LEASE_MS * 0.9);
    expect(world.partition()).toMatchObject({ leader: 2, isr: [2, 1, 3] });
    await world.advance(LEASE_MS * 0.5);
    expect(world.state.brokers.get(2)?.alive).toBe(false);
    expect(world.partition()).toMatchObject({ leader: 1, leaderEpoch: 1, isr: [1, 3] });
  });

  it('have a controller as soon as the first of them has registered', async () => {
    const world = await World.of();
    const joined = world.join(7);
    while (world.state.brokers.size === 0) await world.advance(10);
    expect(world.state.controller).toEqual({ id: 7, epoch: 1 });
    await joined;
  });

  it('notice in one lease the death of a leader that was the controller, too', async () => {
    const world = await World.of(1, 2, 3);
    const controller = world.state.controller?.id ?? 0;
    await world.createTopic([controller, ...[1, 2, 3].filter((id) => id !== controller)]);
    world.vanish(controller);
    await world.advance(LEASE_MS * 1.4);
    expect(world.state.controller?.id).not.toBe(controller);
    expect(world.partition().leader).not.toBe(controller);
  });

  it('give a process that comes back the time to renew its lease', async () => {
    const world = await World.of(1, 2, 3);
    world.vanish(3);
    await world.advance(LEASE_MS * 4);
    expect(world.state.brokers.get(3)?.alive).toBe(false);
    await world.join(3);
    const { brokerEpoch } = world.member(3).membership;
    await world.advance(LEASE_MS * 2);
    expect(world.state.brokers.get(3)).toMatchObject({ alive: true, brokerEpoch });
  });

  it('register again when they were declared dead and are not', async () => {
    const world = await World.of(1, 2, 3);
    const before = world.member(2).membership.brokerEpoch;
    world.coordination.cutOff(2);
    await world.advance(LEASE_MS * 2);
    expect(world.state.brokers.get(2)?.alive).toBe(false);
    expect(world.member(2).membership.isLeaseValid).toBe(false);
    world.coordination.reach(2);
    await world.advance(LEASE_MS * 2);
    expect(world.state.brokers.get(2)?.alive).toBe(true);
    expect(world.member(2).membership.brokerEpoch).toBeGreaterThan(before);
    expect(world.member(2).membership.isLeaseValid).toBe(true);
  });

  it('register again when a rebuild without them has lost their registration', async () => {
    const world = await World.of(1, 2);
    const { version } = world.state;
    world.coordination.holdNotifications(1);
    world.coordination.holdNotifications(2);
    await Promise.all([world.join(3), world.advance(100)]);
    world.coordination.cutOff(3);
    world.coordination.rollBackTo(version);
    await world.advance(LEASE_MS);
    expect([...world.state.brokers.keys()]).toEqual([1, 2]);
    world.coordination.reach(3);
    await world.advance(LEASE_MS * 2);
    expect(world.state.brokers.get(3)?.alive).toBe(true);
    expect(world.member(3).membership.isLeaseValid).toBe(true);
  });

  it('wait for a journal that cannot be written when they join', async () => {
    const world = await World.of(1, 2);
    const disk = new FakeDisk();
    const store = await world.coordination.open({
      brokerId: 3,
      fileSystem: disk.mount(),
      dataDir: '/data',
    });
    const joined = Membership.join({
      store: refusingUpdates(store, (tries) => (tries <= 2 ? slowDisk() : undefined)),
      brokerId: 3,
      leaseMs: LEASE_MS,
      registrant: () => registrant(3, store),
      clock: world.clock,
      scheduler: world.scheduler,
      random: world.random,
      logger: silentLogger,
      onFenced: () => undefined,
    });
    await world.advance(LEASE_MS);
    expect((await joined).brokerEpoch).toBe(world.state.brokers.get(3)?.brokerEpoch);
    expect(world.state.brokers.get(3)?.alive).toBe(true);
  });

  it('declare nobody dead for a time in which the store was away', async () => {
    const world = await World.of(1, 2, 3);
    world.coordination.goAway();
    await world.advance(LEASE_MS * 3);
    world.coordination.comeBack();
    await world.advance(LEASE_MS * 3);
    expect([...world.state.brokers.values()].map(({ alive }) => alive)).toEqual([true, true, true]);
  });

  it('hand leaderships over when they withdraw, in one commit', async () => {
    const world = await World.of(1, 2, 3);
    await world.createTopic([1, 2, 3]);
    const version = world.state.version;
    const withdrawn = world.member(1).membership.withdraw();
    await world.advance(100);
    await withdrawn;
    expect(world.partition()).toMatchObject({ leader: 2, isr: [2, 3] });
    expect(world.state.version).toBe(version + 1);
  });

  it('withdraw also when leaderships cannot be handed over', async () => {
    const world = await World.of(1, 2);
    const { membership } = await world.joinRefusing(3, () => slowDisk());
    await world.createTopic([1, 3]);
    await membership.withdraw();
    expect(world.partition()).toMatchObject({ leader: 1, isr: [1, 3] });
  });

  it('end when they cannot register again after they were declared dead', async () => {
    const world = await World.of(1, 2);
    const member = await world.joinRefusing(3, () => new RangeError('a bug of the store'));
    world.coordination.cutOff(3);
    await world.advance(LEASE_MS * 2);
    expect(world.state.brokers.get(3)?.alive).toBe(false);
    expect(member.fencings()).toBe(0);
    world.coordination.reach(3);
    await world.advance(LEASE_MS * 2);
    expect(member.fencings()).toBe(1);
    expect(world.state.brokers.get(3)?.alive).toBe(false);
  });

  it('refuse a second disk under the id of a live broker, accept it after silence', async () => {
    const world = await World.of(1, 2, 3);
    const { brokerEpoch } = world.member(3).membership;
    const refused = world.join(3, 'another disk');
    const refusal = expect(refused).rejects.toThrow('Broker id 3 is taken');
    for (let renewed = 0; renewed < 12; renewed += 1) {
      // The first one's connection is gone with the second's: its lease is renewed for it.
      await world.member(1).store.renewLease({ brokerId: 3, brokerEpoch }, 100);
      await world.advance(LEASE_MS / 4);
    }
    await refusal;
    world.vanish(3);
    const joined = world.join(3, 'another disk');
    await world.advance(LEASE_MS * 3);
    await joined;
    expect(world.state.brokers.get(3)?.alive).toBe(true);
  });

  it('refuse a broker that does not recognise a live one, accept it after silence', async () => {
    const world = await World.of(1);
    const securityFault = ({ id }: { readonly id: number }) =>
      id === 1 ? 'Broker 1 has another secret.' : undefined;
    const join = () => world.join(2, 'disk of 2', { securityFault });
    const refusal = expect(join()).rejects.toThrow('Broker 1 has another secret.');
    await world.advance(LEASE_MS * 3);
    await refusal;
    expect(world.state.brokers.has(2)).toBe(false);
    // Nobody is left who could declare it dead.
    world.vanish(1);
    const joined = join();
    await world.advance(LEASE_MS * 3);
    await joined;
    expect(world.state.brokers.get(2)?.alive).toBe(true);
  });
});

/** A process of a broker: its membership, and its part as a controller. */
class Member {
  readonly #process: MemberProcess;

  private constructor(
    readonly membership: Membership,
    readonly controller: Controller,
    readonly store: CoordinationStore,
    process: MemberProcess,
  ) {
    this.#process = process;
  }

  static async join(
    world: World,
    brokerId: number,
    disk: FakeDisk,
    claims: Partial<Registrant>,
  ): Promise<Member> {
    const process = new MemberProcess(world.scheduler);
    const { clock, random, coordination } = world;
    const store = await coordination.open({ brokerId, fileSystem: disk.mount(), dataDir: '/data' });
    const ports = { store, clock, random, scheduler: process, logger: silentLogger };
    const membership = await Membership.join({
      ...ports,
      brokerId,
      leaseMs: LEASE_MS,
      registrant: () => ({ ...registrant(brokerId, store), ...claims }),
      onFenced: () => undefined,
    });
    const controller = new Controller({
      ...ports,
      brokerId,
      leaseMs: LEASE_MS,
      preferredLeaderIntervalMs: 0,
    });
    return new Member(membership, controller, store, process);
  }

  /** Its timers are gone. */
  end(): void {
    this.#process.end();
  }
}

/** Timers that end with their process. */
class MemberProcess implements Scheduler {
  #hasEnded = false;
  readonly #scheduler: Scheduler;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  after(delayMs: number, task: () => void): Timer {
    return this.#scheduler.after(delayMs, () => {
      if (!this.#hasEnded) task();
    });
  }

  soon(task: () => void): void {
    this.#scheduler.soon(() => {
      if (!this.#hasEnded) task();
    });
  }

  end(): void {
    this.#hasEnded = true;
  }
}

class World {
  readonly clock = new FakeClock();
  readonly scheduler = new FakeScheduler(this.clock);
  readonly random = new SeededRandom(11);
  readonly coordination = new FakeCoordination({
    clock: this.clock,
    scheduler: this.scheduler,
    random: this.random,
    leaseMs: LEASE_MS,
  });
  readonly #disks = new Map<string, FakeDisk>();
  readonly #members = new Map<number, Member>();

  static async of(...ids: readonly number[]): Promise<World> {
    const world = new World();
    const joins = ids.map((id) => world.join(id));
    await world.advance(LEASE_MS * 3);
    await Promise.all(joins);
    return world;
  }

  get state(): ClusterState {
    return this.coordination.state;
  }

  member(id: number): Member {
    const member = this.#members.get(id);
    if (member === undefined) throw new Error(`there is no member ${id}`);
    return member;
  }

  /** @param claims differences from an ordinary registration */
  async join(id: number, disk = `disk of ${id}`, claims: Partial<Registrant> = {}): Promise<void> {
    const present = this.#disks.get(disk) ?? new FakeDisk();
    this.#disks.set(disk, present);
    present.kill();
    this.coordination.reach(id);
    this.#members.set(id, await Member.join(this, id, present, claims));
  }

  /** A member whose updates are refused once it has joined. */
  async joinRefusing(
    brokerId: number,
    refusal: () => Error,
  ): Promise<{ readonly membership: Membership; readonly fencings: () => number }> {
    const { clock, scheduler, random } = this;
    const store = await this.coordination.open({
      brokerId,
      fileSystem: new FakeDisk().mount(),
      dataDir: '/data',
    });
    let hasJoined = false;
    let fencings = 0;
    const joining = Membership.join({
      store: refusingUpdates(store, () => (hasJoined ? refusal() : undefined)),
      brokerId,
      clock,
      scheduler,
      random,
      leaseMs: LEASE_MS,
      logger: silentLogger,
      registrant: () => registrant(brokerId, store),
      onFenced: () => {
        fencings += 1;
      },
    });
    await this.advance(LEASE_MS);
    const membership = await joining;
    hasJoined = true;
    return { membership, fencings: () => fencings };
  }

  /** A process is gone from one moment to the next. */
  vanish(id: number): void {
    this.member(id).end();
    this.coordination.cutOff(id);
  }

  advance(ms: number): Promise<void> {
    return this.scheduler.advance(ms);
  }

  /** One partition, which the first of the replicas leads. */
  async createTopic(replicas: readonly number[]): Promise<void> {
    const topic = { name: 'events', id: 'topic-id', configs: {}, assignment: [replicas] };
    const created = this.member(replicas[0] ?? 0).store.update((state) =>
      createTopic(state, topic, this.random),
    );
    await this.advance(10);
    await created;
  }

  partition(): PartitionMetadata {
    const partition = this.state.topics.get('events')?.partitions[0];
    if (partition === undefined) throw new Error('there is no such topic');
    return partition;
  }
}

function registrant(id: number, { dataDirUuid }: CoordinationStore): Registrant {
  return { id, url: null, clusterUrl: `http://broker-${id}`, rack: null, dataDirUuid };
}

function slowDisk(): ProtocolError {
  return new ProtocolError('KAFKA_STORAGE_ERROR', 'The disk is too slow.');
}

/**
 * The same store, which refuses updates of this broker.
 * @param refusal returns the error of an update, from the number of updates so far
 */
function refusingUpdates(
  store: CoordinationStore,
  refusal: (tries: number) => Error | undefined,
): CoordinationStore {
  let tries = 0;
  return {
    ...store,
    get state() {
      return store.state;
    },
    get isShared() {
      return store.isShared;
    },
    update: (decide) => {
      tries += 1;
      const error = refusal(tries);
      return error === undefined ? store.update(decide) : Promise.reject(error);
    },
    whenJournaled: (version, timeoutMs) => store.whenJournaled(version, timeoutMs),
    onChange: (listener) => store.onChange(listener),
    renewLease: (lease, timeoutMs) => store.renewLease(lease, timeoutMs),
    leaseRenewer: (options) => store.leaseRenewer(options),
    leases: (timeoutMs) => store.leases(timeoutMs),
    close: () => store.close(),
  };
}
